// Holds weights as the memory plan says: all of them, or those of the running stage and the next.

import { untilAborted } from '../../async.ts';
import { isCancelled, toReport } from '../../errors.ts';
import type { BoundProgram, ScorePrograms } from '../../model/programs/program.ts';
import { allPrograms, boundsOf, type Stage, sidePrograms, stagesOf } from '../weights/stages.ts';
import type { Chain, PrepareOptions } from './chain.ts';

export interface Residency {
  resident: boolean;
  /** Read the next stage while one runs. */
  prefetch: boolean;
}

/** A stage on its way to the device. */
interface Prefetch {
  stage: Stage;
  done: Promise<void>;
  abort: AbortController;
}

/** Loads and drops the weights of stages on demand. */
export class StageLoader {
  readonly resident: boolean;
  private readonly chain: Chain;
  private readonly variants: readonly ScorePrograms[];
  private prefetch: boolean;
  private current: Stage | null = null;
  private ahead: Prefetch | null = null;

  /** @param variants the models whose stages are loaded together: by default the chain's alone */
  constructor(
    chain: Chain,
    { resident, prefetch }: Residency,
    variants: readonly ScorePrograms[] = [chain.programs],
  ) {
    this.chain = chain;
    this.variants = variants;
    this.resident = resident;
    this.prefetch = prefetch;
  }

  setPrefetch(prefetch: boolean): void {
    this.prefetch = prefetch;
  }

  /**
   * Loads everything that stays. @throws EspalierError from the weight store; nothing stays
   * loaded then.
   */
  async loadPinned(options: PrepareOptions): Promise<void> {
    const { programs, weights, engine } = this.chain;
    try {
      await weights.load(sidePrograms(programs), { ...options, cpu: true });
      if (this.resident) {
        await weights.load([programs.embed, programs.head], options);
        for (const block of programs.blocks) await weights.load([block], options);
      } else {
        const [first = programs, ...others] = this.variants;
        await weights.load(stagesOf(first, engine.kind, others).pinned, options);
      }
    } catch (error) {
      weights.dispose();
      throw error;
    }
  }

  /**
   * Resident: loads what a model with changed weights reads besides. @throws EspalierError from the
   * weight store; nothing of it stays loaded then.
   */
  async add(healed: ScorePrograms, options: PrepareOptions = {}): Promise<void> {
    await this.chain.weights.load(changedPrograms(this.chain.programs, healed), options);
  }

  /** Drops what `add` has loaded, and what its runs have loaded late. */
  remove(healed: ScorePrograms): void {
    const { weights, ranSublayers } = this.chain;
    weights.release(changedPrograms(this.chain.programs, healed));
    if (ranSublayers)
      for (const stage of healed.blocks.keys()) this.releaseSublayers([healed], stage);
  }

  /**
   * Makes sure that `stage` can run, and starts to read `next` (null = not known).
   * Streamed, the weights of all other stages are dropped.
   * @throws EspalierError `cancelled` at once when the signal comes while bytes are awaited; from
   *   the weight store.
   */
  async visit(stage: Stage, next: Stage | null, options: PrepareOptions = {}): Promise<void> {
    if (this.resident) return;
    if (this.current !== stage) {
      if (this.ahead && this.ahead.stage !== stage) await this.dropAhead();
      if (this.current !== null) {
        await this.chain.engine.settled();
        this.release(this.current);
        this.current = null;
      }
      if (!(await this.arrived(options.signal))) await this.load(stage, options);
      this.ahead = null;
      this.current = stage;
    }
    if (next !== null && next !== stage && this.prefetch && !this.ahead)
      this.ahead = this.start(next);
  }

  /** Resolves when the stage that is read ahead has arrived: true, or false when there is none. */
  async arrived(signal: AbortSignal | undefined): Promise<boolean> {
    if (!this.ahead) return false;
    try {
      await untilAborted(this.ahead.done, signal);
      return true;
    } catch (error) {
      if (signal?.aborted) throw error;
      this.ahead = null;
      const { code } = toReport(error);
      if (code !== 'out-of-memory' && !isCancelled(error)) throw error;
      // Two stages do not fit after all: one at a time from here on.
      if (code === 'out-of-memory') this.prefetch = false;
      return false;
    }
  }

  /** Waits for reads under way and frees what visits have loaded. */
  async leave(): Promise<void> {
    await this.dropAhead();
    if (this.current !== null) this.release(this.current);
    this.current = null;
  }

  /** Waits for reads under way and frees every weight. */
  async dispose(): Promise<void> {
    await this.dropAhead();
    this.chain.weights.dispose();
    this.current = null;
  }

  private start(stage: Stage): Prefetch {
    const abort = new AbortController();
    const done = this.load(stage, { signal: abort.signal });
    done.catch(() => {});
    return { stage, done, abort };
  }

  private async dropAhead(): Promise<void> {
    const { ahead } = this;
    this.ahead = null;
    if (!ahead) return;
    ahead.abort.abort();
    await ahead.done.then(
      () => this.release(ahead.stage),
      () => {},
    );
  }

  private async load(stage: Stage, options: PrepareOptions): Promise<void> {
    await this.chain.weights.load(boundsOf(this.variants, stage), options);
  }

  private release(stage: Stage): void {
    this.chain.weights.release(boundsOf(this.variants, stage));
    if (typeof stage === 'number' && this.chain.ranSublayers)
      this.releaseSublayers(this.variants, stage);
  }

  /** Sublayers that ran hold the buffers of their blocks. */
  private releaseSublayers(variants: readonly ScorePrograms[], block: number): void {
    const pairs = variants.map(({ sublayers }) => sublayers?.[block]);
    const bound = pairs.flatMap((pair) => [pair?.attn, pair?.ffn]).filter((some) => some != null);
    this.chain.weights.release(bound);
  }
}

/** The programs of a model with changed weights that are not those of the original. */
function changedPrograms(original: ScorePrograms, healed: ScorePrograms): BoundProgram[] {
  const own = new Set(allPrograms(original));
  return allPrograms(healed).filter((bound) => !own.has(bound));
}
