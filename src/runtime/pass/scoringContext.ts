// Prepares a model and its windows for scoring: sessions, weights, rows per run.

import type { Progress } from '../../contract/progress.ts';
import { EspalierError, toReport } from '../../errors.ts';
import type { ScorePrograms } from '../../model/programs/program.ts';
import { otherSublayer, type SublayerUnit, type Unit } from '../../units.ts';
import { byteSize } from '../device/host.ts';
import {
  type HealedRuns,
  type MemoryPlan,
  planMemory,
  streamedVariants,
} from '../weights/memory.ts';
import { allPrograms, type Stage, stagesOf, weightBytes } from '../weights/stages.ts';
import { chunkWindows } from '../weights/windows.ts';
import type { Chain } from './chain.ts';
import type { Gate } from './gate.ts';
import { Pass } from './pass.ts';
import { StageLoader } from './stageLoader.ts';
import { chooseBlockRows, chooseHeadRows, warmShapes } from './warmup.ts';

export type Windows = readonly (readonly number[])[];
/** Progress without the name of the job. */
export type OnProgress = (progress: Omit<Progress, 'job'>) => void;

/** A chain with its weights where the budget allows, and the windows in use. */
export class ScoringContext {
  readonly chain: Chain;
  windows: Windows = [];
  /**
   * Stream the weights: memory ran out with all of them on the device, or the owner asks for it.
   */
  forceStreaming = false;
  private budget: number;
  /** States of a window that are alive at a time, when they are not those of a curve. */
  private alive: number | undefined;
  private plan: MemoryPlan | null = null;
  /** Changed weights that the running job measures. */
  private healed: HealedRuns | null = null;
  private loader: StageLoader | null = null;
  /** Windows in one block run, once they were timed. */
  private rows: number | null = null;
  private headTimed = false;

  constructor(chain: Chain, budget: number) {
    this.chain = chain;
    this.budget = budget;
  }

  /**
   * True when other windows were in use before.
   * @param alive states of a window that are alive at a time; by default those of a curve.
   * @throws EspalierError `bad-input` for windows that cannot be scored.
   */
  use(windows: Windows, alive?: number): boolean {
    if (windows.length === 0)
      throw new EspalierError(
        'bad-input',
        'There are no windows to measure on.',
        'Score the model first, or give windows.',
      );
    chunkWindows(windows, 1, this.chain.programs.vocabSize);
    if (this.alive === alive && sameWindows(this.windows, windows)) return false;
    this.alive = alive;
    this.windows = windows.map((window) => [...window]);
    this.plan = null;
    return true;
  }

  /** Restores the windows that were in use before others, or none. */
  putBack(windows: Windows): void {
    this.windows = windows;
    this.alive = undefined;
    this.plan = null;
  }

  setBudget(budget: number): void {
    this.budget = budget;
    this.plan = null;
    this.forceStreaming = false;
  }

  /**
   * Runs `work` with changed weights at hand, which are gone afterwards. Where they fit beside the
   * weights on the device, those stay; otherwise the job streams its weights.
   * @throws EspalierError as `prepare`, and what `work` throws
   */
  async withHealed<T>(
    healed: HealedRuns,
    signal: AbortSignal | undefined,
    work: () => Promise<T>,
  ): Promise<T> {
    const { plan, forceStreaming } = this;
    this.healed = healed;
    try {
      if (!plan || !(await this.fitsBeside(plan, healed, signal))) this.plan = null;
      return await work();
    } finally {
      this.healed = null;
      this.forceStreaming = forceStreaming;
      if (this.loader?.resident) this.loader.remove(healed.programs);
      else await this.dropLoader();
      if (this.plan !== plan || !this.loader) this.plan = null;
    }
  }

  /**
   * Compiles, loads and warms up what is missing; afterwards the current windows can be run.
   * @throws EspalierError `too-large` for the budget.
   */
  async prepare(signal: AbortSignal | undefined, onProgress: OnProgress): Promise<MemoryPlan> {
    if (this.plan) return this.plan;
    const { chain, windows } = this;
    const plan = await this.load(windows, signal, onProgress);
    const length = longest(windows);
    onProgress({ phase: 'warmup', done: 0, total: 1, unit: 'runs', secondsLeft: null });
    await chain.freeSides();
    this.headTimed = false;
    this.rows = await this.timeBlock(plan, length, signal);
    if (plan.resident) {
      await this.timeHead(plan, length, signal);
      await warmShapes(
        chain,
        chunkWindows(windows.slice(0, plan.group), this.rows, chain.programs.vocabSize),
        signal,
      );
    }
    chain.engine.trim();
    this.plan = plan;
    onProgress({ phase: 'warmup', done: 1, total: 1, unit: 'runs', secondsLeft: null });
    return plan;
  }

  /**
   * Compiles what is left without each of these sublayers, and runs one of each class once where
   * the weights are on the device; after `prepare`.
   */
  async prepareSublayers(
    removable: readonly SublayerUnit[],
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { chain, plan, windows } = this;
    const distinct = new Map<string, Unit>();
    for (const unit of removable.map(otherSublayer)) {
      const { id } = chain.boundOf(unit).program;
      if (!distinct.has(id)) distinct.set(id, unit);
    }
    const units = [...distinct.values()];
    const late = units.map((unit) => chain.boundOf(unit));
    await chain.compileLate(late, signal);
    if (!plan?.resident) return;
    const chunks = chunkWindows(
      windows.slice(0, plan.group),
      this.rows ?? 1,
      chain.programs.vocabSize,
    );
    await warmShapes(chain, chunks, signal, units);
  }

  /** Makes single windows runnable, without any timing. */
  async loadFor(windows: Windows, signal: AbortSignal | undefined): Promise<void> {
    if (!this.plan) await this.load(windows, signal, () => {});
  }

  /**
   * Makes sure that the weights of `stage` are on the device; `next` is the stage after it.
   */
  async visit(stage: Stage, next: Stage | null, signal: AbortSignal | undefined): Promise<void> {
    await this.loader?.visit(stage, next, { signal });
    if (stage === 'head' && this.plan && !this.headTimed)
      await this.timeHead(this.plan, longest(this.windows), signal);
  }

  /** Windows in one block run, as they were timed. */
  get rowsPerRun(): number {
    return this.rows ?? 1;
  }

  /** One pass for each group of `size` windows. */
  passes(size: number, signal: AbortSignal | undefined): Pass[] {
    const groups = Array.from({ length: Math.ceil(this.windows.length / size) }, (_, k) =>
      this.windows.slice(k * size, (k + 1) * size),
    );
    return groups.map((group) => this.passOver(group, signal));
  }

  passOver(windows: Windows, signal: AbortSignal | undefined, gate?: Gate): Pass {
    return new Pass(
      this.chain,
      chunkWindows(windows, this.rows ?? 1, this.chain.programs.vocabSize),
      signal,
      gate,
    );
  }

  /** Bytes of the hidden state of each window. */
  stateBytes(): number[] {
    const { residualType, stateSize } = this.chain.programs;
    return this.windows.map((window) => byteSize(residualType, [window.length, stateSize]));
  }

  async dispose(): Promise<void> {
    await this.dropLoader();
    this.plan = null;
    await this.chain.dispose();
  }

  private async dropLoader(): Promise<void> {
    await this.loader?.dispose();
    this.loader = null;
  }

  /** Loads changed weights beside those of a plan that holds all; false where there is no room. */
  private async fitsBeside(
    { resident, bytes }: MemoryPlan,
    { programs }: HealedRuns,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    if (!resident || !this.loader) return false;
    const { kind } = this.chain.engine;
    const both = weightBytes([this.chain.programs, programs].flatMap(allPrograms), kind);
    if (both + bytes.hiddenStates + bytes.scratch + bytes.logits > this.budget) return false;
    try {
      await this.loader.add(programs, { signal });
      return true;
    } catch (error) {
      if (toReport(error).code !== 'out-of-memory') throw error;
      this.forceStreaming = true;
      return false;
    }
  }

  /** What a stage runs with: changed weights where they are streamed in place of the model's. */
  private get streamed(): ScorePrograms {
    return streamedVariants(this.chain.programs, this.loader?.resident ? null : this.healed)[0]!;
  }

  /** Where the device turns out to have no room for all weights, they are streamed from then on. */
  private async load(
    windows: Windows,
    signal: AbortSignal | undefined,
    onProgress: OnProgress,
  ): Promise<MemoryPlan> {
    const { chain } = this;
    const shape = { windows: windows.length, length: longest(windows), alive: this.alive };
    const { budget, forceStreaming, healed } = this;
    const plan = planMemory(chain.programs, shape, chain.engine, budget, forceStreaming, healed);
    if (plan.obstacle) throw plan.obstacle;
    chain.headTokens = plan.rows.headTokens;
    chain.headRows = 1;
    // What is streamed is loaded for the models that run on it.
    const keeps = this.loader?.resident === plan.resident && (plan.resident || !healed);
    try {
      if (keeps) this.loader?.setPrefetch(plan.prefetch);
      else await this.newLoader(plan, signal, onProgress);
      if (plan.resident && healed) await this.loader?.add(healed.programs, { signal });
      return plan;
    } catch (error) {
      if (!plan.resident || toReport(error).code !== 'out-of-memory') throw error;
      this.forceStreaming = true;
      return this.load(windows, signal, onProgress);
    }
  }

  private async newLoader(
    plan: MemoryPlan,
    signal: AbortSignal | undefined,
    onProgress: OnProgress,
  ): Promise<void> {
    const { chain } = this;
    await this.dropLoader();
    await chain.compile({
      signal,
      onProgram: (done, total) =>
        onProgress({ phase: 'compile', done, total, unit: 'programs', secondsLeft: null }),
    });
    const variants = streamedVariants(chain.programs, this.healed);
    const loader = new StageLoader(chain, plan, plan.resident ? [chain.programs] : variants);
    const { kind } = chain.engine;
    const [first = chain.programs, ...others] = variants;
    const total = plan.resident
      ? weightBytes(allPrograms(chain.programs), kind)
      : stagesOf(first, kind, others).pinnedBytes;
    let read = 0;
    const onBytes = (bytes: number): void => {
      read = Math.min(total, read + bytes);
      onProgress({ phase: 'read', done: read, total, unit: 'bytes', secondsLeft: null });
    };
    await loader.loadPinned({ signal, onBytes });
    this.loader = loader;
  }

  /**
   * Streamed one stage at a time, block 0 cannot be timed without reading it twice, so runs take
   * one row.
   */
  private async timeBlock(
    plan: MemoryPlan,
    length: number,
    signal: AbortSignal | undefined,
  ): Promise<number> {
    if (!plan.resident) {
      if (!plan.prefetch) return 1;
      await this.visit('embed', 0, signal);
      if (!(await this.loader?.arrived(signal))) return 1;
    }
    return chooseBlockRows(this.chain, length, plan.rows.block, signal, this.streamed);
  }

  private async timeHead(
    plan: MemoryPlan,
    length: number,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { chain, streamed } = this;
    chain.headRows = await chooseHeadRows(chain, length, plan.rows.head, signal, streamed);
    this.headTimed = true;
  }
}

/** Tokens of the longest window, 2 at least. */
export function longest(windows: Windows): number {
  return Math.max(2, ...windows.map((window) => window.length));
}

function sameWindows(a: Windows, b: Windows): boolean {
  return (
    a.length === b.length &&
    a.every(
      (window, k) => window.length === b[k]?.length && window.every((id, t) => id === b[k]?.[t]),
    )
  );
}
