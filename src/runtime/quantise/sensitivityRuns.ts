// Runs variants of a base side by side over one group of windows: each leaves the base where its
// matrix is read, and the predictions of both are compared at the end.

import type { BoundProgram, ScorePrograms } from '../../model/programs/program.ts';
import type { Unit } from '../../units.ts';
import { blockOf } from '../../units.ts';
import { compareHeads } from '../evaluate/compare.ts';
import type { PositionValues } from '../evaluate/tally.ts';
import type { HiddenStates } from '../pass/hidden.ts';
import type { Pass } from '../pass/pass.ts';
import type { ScoringContext } from '../pass/scoringContext.ts';
import type { Stage } from '../weights/stages.ts';
import type { Variant } from './sensitivityVariants.ts';

/** Mean KL(base || variant) over all predicted positions, in float64. */
export class Divergence {
  private sum = 0;
  private positions = 0;
  /** The base gave numbers wherever it was compared. */
  baseIsFinite = true;

  /** As `Tally.add`. */
  add(_segment: number, _from: number, { nll, plan }: PositionValues): void {
    this.positions += nll.length;
    for (const value of nll) this.baseIsFinite &&= Number.isFinite(value);
    for (const value of plan?.kl ?? [])
      this.sum += Number.isNaN(value) ? Number.POSITIVE_INFINITY : value;
  }

  /** Nats; rounding may leave equal distributions slightly below zero. */
  get mean(): number {
    return Math.max(0, this.sum / this.positions);
  }
}

/** A variant under way. */
interface Live {
  variant: Variant;
  programs: ScorePrograms;
  state: HiddenStates;
}

/** The base and waves of variants on one group of windows; the base's states stay in between. */
export class VariantRuns {
  private readonly context: ScoringContext;
  private readonly pass: Pass;
  private readonly sequence: readonly Unit[];
  private readonly signal: AbortSignal | undefined;
  /** The base before the unit at a position, and its final state. */
  private held: { at: number; state: HiddenStates } | null = null;
  private end: HiddenStates | null = null;

  constructor(
    context: ScoringContext,
    pass: Pass,
    sequence: readonly Unit[],
    signal: AbortSignal | undefined,
  ) {
    this.context = context;
    this.pass = pass;
    this.sequence = sequence;
    this.signal = signal;
  }

  get heldMs(): number {
    return this.pass.heldMs;
  }

  /**
   * One wave. @param wave in the order in which they leave the base
   * @param next where the first variant of the next wave leaves it; null for none
   */
  async run(
    wave: readonly Variant[],
    next: number | null,
    sums: ReadonlyMap<string, Divergence>,
    onBlock: () => void,
  ): Promise<void> {
    const { pass, sequence } = this;
    const forks = wave.filter(({ at }) => at < sequence.length);
    const hold = next === null || next >= sequence.length ? null : Math.max(0, next);
    const live: Live[] = [];
    let base: HiddenStates | null = null;
    try {
      if (this.end === null || forks.length > 0) {
        let at = this.held?.at ?? 0;
        if (this.held && forks[0]?.at !== -1) base = this.held.state.retain();
        else {
          at = 0;
          await this.visit('embed');
          base = await pass.embed();
          for (const variant of forks)
            if (variant.at === -1) live.push(await this.embedded(variant));
        }
        const last = Math.max(hold ?? 0, ...forks.map((variant) => variant.at));
        for (; at < sequence.length; at++) {
          if (at === hold) this.hold(at, base);
          const unit = sequence[at]!;
          await this.visit(blockOf(unit));
          for (const one of live) {
            const state = await this.block(unit, one.programs, one.state);
            one.state.release();
            one.state = state;
            onBlock();
          }
          for (const variant of forks) {
            if (variant.at !== at) continue;
            const programs = variant.programs;
            live.push({ variant, programs, state: await this.block(unit, programs, base) });
            onBlock();
          }
          if (this.end !== null && at >= last) continue;
          const after: HiddenStates = await pass.block(unit, base);
          base.release();
          base = after;
          onBlock();
        }
        this.end ??= base.retain();
      }
      await this.compare(wave, live, sums);
    } finally {
      base?.release();
      for (const { state } of live) state.release();
    }
  }

  dispose(): void {
    this.held?.state.release();
    this.end?.release();
    this.held = null;
    this.end = null;
  }

  private hold(at: number, state: HiddenStates): void {
    this.held?.state.release();
    this.held = { at, state: state.retain() };
  }

  private async compare(
    wave: readonly Variant[],
    live: readonly Live[],
    sums: ReadonlyMap<string, Divergence>,
  ): Promise<void> {
    const { pass, end, sequence } = this;
    if (!end) return;
    await this.visit('head');
    const compare = (key: string, programs: ScorePrograms, state: HiddenStates) => {
      const tally = sums.get(key) ?? new Divergence();
      return compareHeads(pass, pass.with(programs), end, state, 0, tally, this.signal);
    };
    for (const { variant, programs, state } of live) await compare(variant.key, programs, state);
    for (const variant of wave)
      if (variant.at === sequence.length) await compare(variant.key, variant.programs, end);
  }

  private async embedded(variant: Variant): Promise<Live> {
    const programs = variant.programs;
    const state = await this.bound(programs.embed, this.pass.programs.embed, () =>
      this.pass.with(programs).embed(),
    );
    return { variant, programs, state };
  }

  private block(unit: Unit, programs: ScorePrograms, state: HiddenStates): Promise<HiddenStates> {
    const { chain } = this.pass;
    return this.bound(chain.boundOf(unit, programs), chain.boundOf(unit), () =>
      this.pass.with(programs).block(unit, state),
    );
  }

  /** Runs a program whose weights are there for this run alone, where it is not the base's. */
  private async bound<T>(own: BoundProgram, base: BoundProgram, run: () => Promise<T>): Promise<T> {
    if (own === base) return run();
    const { weights, engine } = this.pass.chain;
    await weights.load([own], { signal: this.signal });
    try {
      const result = await run();
      await engine.settled();
      return result;
    } finally {
      weights.release([own]);
    }
  }

  private async visit(stage: Stage): Promise<void> {
    const { sequence, signal } = this;
    const position =
      typeof stage === 'number' ? sequence.findIndex((u) => blockOf(u) === stage) : -1;
    const following = sequence[position + 1];
    const next = stage === 'head' || following === undefined ? 'head' : blockOf(following);
    await this.context.visit(stage, stage === 'head' ? null : next, signal);
  }
}
