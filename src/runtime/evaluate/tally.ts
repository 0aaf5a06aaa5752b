// Sums of the per-token values of an evaluation, and the result over the segments so far.

import { pairedInterval, RESAMPLES } from '../../analysis/bootstrap.ts';
import { perplexity } from '../../analysis/perplexity.ts';
import type { EvaluatedSide, EvaluateResult } from '../../contract/evaluate.ts';

/**
 * Values of consecutive predicted positions of one segment, float32; without a plan the NLL alone.
 */
export interface PositionValues {
  nll: Float32Array;
  plan?: {
    nll: Float32Array;
    /** KL(original || plan), nats. */
    kl: Float32Array;
    /** 0 where both have a most likely token in common. */
    top: Float32Array;
  };
}

/** Mean NLL of each segment over its predicted tokens. */
export interface SegmentMeans {
  original: number[];
  /** Null without a plan. */
  plan: number[] | null;
}

/** Draws of a partial result's bootstrap: it must not cost what the evaluation does. */
const PARTIAL_DRAWS = 200_000;
const FEWEST_RESAMPLES = 200;

/**
 * Sums over the predicted positions, in float64; a value that is not a number counts as infinite.
 */
export class Tally {
  private readonly length: number;
  private readonly predicts: readonly number[];
  private readonly withPlan: boolean;
  /** Sum of NLL of each segment. */
  private readonly original: number[] = [];
  private readonly plan: number[] = [];
  private kl = 0;
  private agreed = 0;
  private predicted = 0;

  /**
   * @param length tokens of a segment
   * @param predicts how many of its last tokens each segment predicts
   */
  constructor(length: number, predicts: readonly number[], withPlan: boolean) {
    this.length = length;
    this.predicts = predicts;
    this.withPlan = withPlan;
  }

  /** Segments so far; they come in order. */
  get segments(): number {
    return this.original.length;
  }

  /** Segments of which the original's NLL is not finite. */
  get notFinite(): number[] {
    return [...this.original.keys()].filter((k) => !Number.isFinite(this.original[k]));
  }

  /** Positions [from, from + n) of a segment, of length - 1 in all. */
  add(segment: number, from: number, { nll, plan }: PositionValues): void {
    const first = this.length - 1 - (this.predicts[segment] ?? 0);
    let [own, other] = [this.original[segment] ?? 0, this.plan[segment] ?? 0];
    for (let k = Math.max(0, first - from); k < nll.length; k++) {
      own += infinite(nll[k]);
      this.predicted += 1;
      if (!plan) continue;
      other += infinite(plan.nll[k]);
      this.kl += infinite(plan.kl[k]);
      if (plan.top[k] === 0) this.agreed += 1;
    }
    this.original[segment] = own;
    this.plan[segment] = other;
  }

  means(): SegmentMeans {
    const { original, plan, withPlan, predicts } = this;
    const mean = (sum: number, segment: number): number => sum / (predicts[segment] ?? 0);
    return { original: original.map(mean), plan: withPlan ? plan.map(mean) : null };
  }

  result(
    final: boolean,
  ): Pick<
    EvaluateResult,
    'segments' | 'predicted' | 'original' | 'plan' | 'top1Agreement' | 'klDivergence'
  > {
    const { predicted, segments, withPlan } = this;
    const resamples = final
      ? RESAMPLES
      : Math.min(RESAMPLES, Math.max(FEWEST_RESAMPLES, Math.floor(PARTIAL_DRAWS / segments)));
    // What does not give numbers agrees with nothing.
    const compares = withPlan && this.notFinite.length === 0;
    return {
      segments,
      predicted,
      original: side(this.original, predicted, resamples),
      plan: withPlan ? side(this.plan, predicted, resamples) : null,
      top1Agreement: compares ? this.agreed / predicted : null,
      // Rounding may leave equal distributions slightly below zero.
      klDivergence: compares ? Math.max(0, this.kl / predicted) : null,
    };
  }
}

function infinite(value = Number.NaN): number {
  return Number.isNaN(value) ? Number.POSITIVE_INFINITY : value;
}

/**
 * The mean over tokens. The interval draws segments: each counts with its sum over the mean number
 * of tokens, so that the first of a strided text has its weight.
 */
function side(sums: readonly number[], predicted: number, resamples: number): EvaluatedSide {
  const nll = sums.reduce((total, sum) => total + sum, 0) / predicted;
  const values = sums.map((sum) => (sum * sums.length) / predicted);
  const zeros = new Array<number>(sums.length).fill(0);
  return { nll, ppl: perplexity(nll), ci95: pairedInterval(values, zeros, resamples) };
}
