// The gradient of the mean NLL over windows: the backward pass with the scores of the weights of
// each block on its way.

import { EspalierError } from '../../errors.ts';
import type { BlockGradient } from '../../grad/blockGradient.ts';
import type { GradientPrograms } from '../../grad/gradientPrograms.ts';
import type { BoundProgram } from '../../model/programs/program.ts';
import { type HostTensor, toFloat32 } from '../device/host.ts';
import type { Chain } from '../pass/chain.ts';
import type { StageLoader } from '../pass/stageLoader.ts';
import type { Chunk } from '../weights/windows.ts';
import {
  BackwardPass,
  type BlockWork,
  type HeadLimits,
  needOutput,
  type PassJob,
} from './backwardPass.ts';
import { GradientSums } from './sums.ts';

export interface Differentiation {
  /** Of the float32 programs. */
  chain: Chain;
  loader: StageLoader;
  gradients: GradientPrograms;
  chunks: readonly Chunk[];
  head: HeadLimits;
  /** What an interrupted run had done; its chunks are the same. */
  from: BackwardState | null;
  signal: AbortSignal | undefined;
}

/** Where a backward pass stands. */
export interface BackwardState {
  /** Mean NLL in nats over all predicted positions. */
  loss: number;
  /** The gradient is that of the stream before this block: blocks below it are to be done. */
  block: number;
  /** dL/dh by chunk, (B, S, C) row by row. */
  gradient: readonly Float32Array[];
}

/** What a pass would go on from: null before the first block of the backward pass. */
export type StateOf = () => Promise<BackwardState | null>;

/** Of one weight. */
export type WeightScores = readonly number[];

export interface DifferentiationHooks extends Pick<PassJob, 'turn'> {
  /** After each block of the forward pass. */
  onForward(block: number): void;
  /** dL/dh before block `cut`, or after the last one; the values are valid until it returns. */
  onGradient?(cut: number, gradient: readonly Float32Array[]): void;
  /**
   * The scores sum |W dL/dW| of the taps of a block, in their order: one, or one for each index on
   * the axis of the tap.
   */
  onBlock(block: number, scores: readonly WeightScores[], state: StateOf): Promise<void>;
  /** The pass ends early; what it has is freed after this. */
  onFailure(error: unknown, state: StateOf): Promise<void>;
}

/**
 * Runs the pass. @returns the mean NLL in nats over all predicted positions of all windows
 * @throws EspalierError what `hooks.turn` throws; errors of the engine and of the weight store.
 */
export async function differentiate(
  job: Differentiation,
  hooks: DifferentiationHooks,
): Promise<number> {
  const { chain, gradients, from } = job;
  const pass = new BackwardPass({ ...job, turn: hooks.turn });
  const blocks = chain.programs.blocks.length;
  /** What the gradient is of. */
  let at: Omit<BackwardState, 'gradient'> | null = null;
  // Between blocks: the gradient of a block that is under way is not there yet.
  const state: StateOf = async () => at && { ...at, gradient: await pass.values() };
  const tell = async (cut: number): Promise<void> => {
    if (hooks.onGradient) hooks.onGradient(cut, await pass.values());
  };
  try {
    const start = from?.block ?? blocks;
    const to = from ? start - 1 : start;
    if (to >= 0) await pass.forward({ to, onBlock: hooks.onForward });
    if (from) pass.restore(from.gradient);
    at = { loss: from ? from.loss : await meanNll(pass, gradients), block: start };
    await tell(start);
    for (let block = start - 1; block >= 0; block--) {
      const work = new ScoredBlock(chain, gradients, block);
      await pass.block(block, work);
      at = { ...at, block };
      await tell(block);
      await hooks.onBlock(block, work.scores(), state);
    }
    return at.loss;
  } catch (error) {
    await hooks.onFailure(error, state);
    throw error;
  } finally {
    pass.free();
  }
}

/** Runs the head with its gradient. */
async function meanNll(pass: BackwardPass, gradients: GradientPrograms): Promise<number> {
  let sum = 0;
  let predictions = 0;
  await pass.head({
    run: ({ chunk: { rows, length } }) => ({ bound: gradients.head({ rows, length }), feeds: {} }),
    take: (_slice, _at, bound, { host }) => {
      const values = toFloat32(needOutput(bound, host, 'nll'));
      for (const value of values) sum += value;
      predictions += values.length;
    },
  });
  return sum / predictions;
}

/** Scores of the taps of a block: of one chunk, or of sums over several. */
class ScoredBlock implements BlockWork {
  private readonly chain: Chain;
  private readonly gradients: GradientPrograms;
  private readonly block: number;
  private readonly found = new Map<string, WeightScores>();
  private sums: GradientSums | null = null;
  private taps: BlockGradient['taps'] = [];

  constructor(chain: Chain, gradients: GradientPrograms, block: number) {
    this.chain = chain;
    this.gradients = gradients;
    this.block = block;
  }

  programs(chunk: Chunk): [BoundProgram, ...BoundProgram[]] {
    const { bound, scoring, taps } = this.of(chunk);
    this.taps = taps;
    return scoring ? [bound, scoring] : [bound];
  }

  feeds(): { parts: GradientSums['feeds'] } {
    const parts = this.taps.flatMap((tap) =>
      tap.parts.map((part) => ({ ...part, label: `gradient of ${tap.name}` })),
    );
    this.sums ??= new GradientSums(this.chain.engine, parts);
    return { parts: this.sums.feeds };
  }

  shapeOf: BlockWork['shapeOf'] = (target) => this.sums?.shapeOf(target);

  take: BlockWork['take'] = (bound, { device, host }) => {
    this.sums?.take(bound, device);
    this.addScores(bound.program, host);
  };

  async finish(chunk: Chunk): Promise<void> {
    const { scoring } = this.of(chunk);
    if (!scoring) return;
    const { host } = await this.chain.run(scoring, chunk, this.feeds(), new Map());
    this.addScores(scoring.program, host);
  }

  free(): void {
    this.sums?.free();
  }

  /** In the order of its taps. */
  scores(): WeightScores[] {
    return this.taps.map(({ weight, name }) => {
      const score = this.found.get(weight);
      if (!score) throw new EspalierError('bug', `There is no score of ${name}.`);
      return score;
    });
  }

  private of({ rows, length }: Chunk): BlockGradient {
    return this.gradients.block(this.block, { rows, length });
  }

  private addScores(
    { outputs }: BoundProgram['program'],
    host: ReadonlyMap<string, HostTensor>,
  ): void {
    for (const { name, target } of outputs) {
      const tensor = host.get(name);
      if (target.kind !== 'taylor' || !tensor) continue;
      const before = this.found.get(target.weight);
      const scores = Array.from(toFloat32(tensor), (score, k) => score + (before?.[k] ?? 0));
      this.found.set(target.weight, scores);
    }
  }
}
