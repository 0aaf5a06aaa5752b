// The hidden states of a group of windows while a pruned model is refitted: those of the original
// and those of the pruned model, which are the same up to the first removal.

import { throwIfCancelled } from '../../errors.ts';
import type { BoundProgram } from '../../model/programs/program.ts';
import { blockOf, sublayerUnit, type Unit } from '../../units.ts';
import type { DeviceTensor, Feed, RunOutputs } from '../device/engine.ts';
import type { Chain } from '../pass/chain.ts';
import { HiddenStates } from '../pass/hidden.ts';
import type { StageLoader } from '../pass/stageLoader.ts';
import type { Stage } from '../weights/stages.ts';
import type { Chunk } from '../weights/windows.ts';
import type { OriginalState, RefitTarget } from './refitTargets.ts';

export interface RefitRuns {
  chain: Chain;
  loader: StageLoader;
  signal: AbortSignal | undefined;
  /** Between two runs: lets the event loop turn. @throws EspalierError `cancelled` */
  turn(): Promise<void>;
  /** After a block has run on all windows of a group. */
  onBlock(): void;
}

/** States alive at a time: of both models before and after a run, and one inside a block. */
export const STATES_ALIVE = 5;

/** Around a unit: the pruned model's state before it, and what is wanted after it. */
export interface StatesAround {
  pruned: HiddenStates;
  wanted: HiddenStates;
}

export class GroupStates {
  readonly chunks: readonly Chunk[];
  private readonly runs: RefitRuns;
  private readonly kept: readonly Unit[];
  /** Before this block the pruned model is the original. */
  private readonly shared: number;
  private original: HiddenStates | null = null;
  private cut = 0;
  private pruned: HiddenStates | null = null;
  /** The kept unit that the pruned model runs next. */
  private at = 0;
  private inside: HiddenStates | null = null;

  /** @param shared a block before which nothing is removed or refitted */
  constructor(chunks: readonly Chunk[], kept: readonly Unit[], shared: number, runs: RefitRuns) {
    this.chunks = chunks;
    this.kept = kept;
    this.shared = shared;
    this.runs = runs;
  }

  /**
   * The state of the pruned model before a unit, and that of the original which is wanted after it;
   * they stay with this group.
   * @param refitted the programs of units that have other weights by now
   */
  async before(
    { at, wanted, unit }: RefitTarget,
    refitted: ReadonlyMap<Unit, BoundProgram>,
  ): Promise<StatesAround> {
    if (!this.original) {
      await this.visit('embed', 0);
      const { chain } = this.runs;
      this.original = await this.each((chunk) => chain.embed(chunk));
      this.cut = 0;
    }
    while (!this.pruned && this.cut < this.shared) await this.stepOriginal();
    if (!this.pruned) {
      this.pruned = this.original.retain();
      this.at = this.kept.findIndex((other) => blockOf(other) >= this.shared);
    }
    while (this.at < at) {
      // Side by side, so that streamed weights are read once for both.
      if (this.cut === blockOf(this.kept[this.at]!)) await this.stepOriginal();
      await this.stepPruned(refitted);
    }
    while (this.cut < wanted.cut) await this.stepOriginal();
    const state = wanted.insideBlock ? await this.insideOf(wanted) : this.original;
    await this.visit(blockOf(unit), null);
    return { pruned: this.pruned, wanted: state };
  }

  /** The pruned model goes on from this state, which lies behind the unit at `at`. */
  goOn(at: number, state: HiddenStates): void {
    this.pruned?.release();
    this.pruned = state;
    this.at = at + 1;
  }

  release(): void {
    for (const state of [this.original, this.pruned, this.inside]) state?.release();
    this.original = null;
    this.pruned = null;
    this.inside = null;
  }

  /** One run of each chunk; what has been made is freed when one fails. */
  async each(run: (chunk: Chunk, at: number) => Promise<DeviceTensor>): Promise<HiddenStates> {
    const done: DeviceTensor[] = [];
    try {
      for (const [at, chunk] of this.chunks.entries()) {
        await this.runs.turn();
        done.push(await run(chunk, at));
      }
      return new HiddenStates(done);
    } catch (error) {
      for (const tensor of done) tensor.free();
      throw error;
    }
  }

  /** The original after the attention of a block. */
  private async insideOf({ cut }: OriginalState): Promise<HiddenStates> {
    const { chain } = this.runs;
    this.inside?.release();
    this.inside = null;
    await this.visit(cut, null);
    const unit = sublayerUnit(cut, 'attn');
    const from = this.original!;
    this.inside = await this.each((chunk, at) => chain.block(unit, from.tensors[at]!, chunk));
    this.runs.onBlock();
    return this.inside;
  }

  private async stepOriginal(): Promise<void> {
    const { chain } = this.runs;
    const block = this.cut;
    const from = this.original!;
    await this.visit(block, block + 1 < chain.programs.blocks.length ? block + 1 : null);
    this.original = await this.each((chunk, at) => chain.block(block, from.tensors[at]!, chunk));
    from.release();
    this.cut += 1;
    this.runs.onBlock();
  }

  private async stepPruned(refitted: ReadonlyMap<Unit, BoundProgram>): Promise<void> {
    const { chain, signal } = this.runs;
    const unit = this.kept[this.at]!;
    const from = this.pruned!;
    await this.visit(blockOf(unit), null);
    const bound = refitted.get(unit);
    if (bound) await chain.prepareLate([bound], signal);
    try {
      this.pruned = await this.each(async (chunk, at) =>
        bound
          ? (await runBlock(chain, bound, chunk, { residual: from.tensors[at]! })).state
          : chain.block(unit, from.tensors[at]!, chunk),
      );
    } finally {
      if (bound) chain.weights.release([bound]);
    }
    from.release();
    this.at += 1;
    this.runs.onBlock();
  }

  private visit(stage: Stage, next: Stage | null): Promise<void> {
    throwIfCancelled(this.runs.signal);
    return this.runs.loader.visit(stage, next, { signal: this.runs.signal });
  }
}

/** A run of a block's program that was made here: the state after it, and its other outputs. */
export async function runBlock(
  chain: Chain,
  bound: BoundProgram,
  { rows, length, ...chunk }: Chunk,
  states: { residual: Feed; other?: Feed },
): Promise<{ state: DeviceTensor; host: RunOutputs['host'] }> {
  const output = bound.program.outputs.find(({ target }) => target.kind === 'residual')!;
  const dims = [rows, length, chain.programs.stateSize];
  const keep = new Map([[output.name, { type: output.type, dims }]]);
  const { device, host } = await chain.run(bound, { rows, length, ...chunk }, states, keep);
  return { state: device.get(output.name)!, host };
}
