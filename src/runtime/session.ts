// A model ready to be scored on one engine: curve, plans and memory over the same windows; must not know about texts, files on disk or the page.

import { measureWindows } from '../analysis/perplexity.ts';
import { removalOrder } from '../analysis/ranking.ts';
import { EspalierError } from '../errors.ts';
import type { OpenedModel } from '../model/open.ts';
import type { ScorePrograms } from '../model/program.ts';
import { makeScorePrograms } from '../model/programs.ts';
import type { Folder } from '../onnx/source.ts';
import type { BlockScore, Measure, MemoryEstimate, Progress, ScoreEvent } from '../worker/api.ts';
import { BlockLoader } from './blockLoader.ts';
import { Chain } from './chain.ts';
import type { Engine } from './device.ts';
import { blockScore, Grouped } from './measures.ts';
import { type Budget, DEFAULT_BUDGET, estimateMemory, type MemoryPlan, planMemory } from './memory.ts';
import { createLock } from './ort.ts';
import { Pass } from './pass.ts';
import { PlanStates, runPlan } from './plans.ts';
import { residentSchedule, streamedSchedule } from './schedule.ts';
import { type IntactStates, leaveOneOut } from './score.ts';
import { chooseRows, type Rows, rowsByMemory, warmShapes } from './warmup.ts';
import { chunkWindows } from './windows.ts';

/** What scoring found, before the worker adds settings and device. */
export interface Curve {
  baseline: Measure;
  blocks: BlockScore[];
  /** Block indices, least important first; refused blocks are left out. */
  order: number[];
  seconds: number;
  costRatio: number | null;
}

export interface SessionOptions {
  budget?: Partial<Budget>;
}

type OnEvent = (event: ScoreEvent) => void;

/** One model on one engine. Calls are queued: score and plan never overlap. */
export class ScoreSession {
  readonly programs: ScorePrograms;
  readonly engine: Engine;
  private readonly unremovable: readonly (string | null)[];
  private readonly chain: Chain;
  private readonly budget: Budget;
  private readonly exclusive = createLock();
  private readonly intact: IntactStates = new Map();
  private readonly planStates = new PlanStates();
  private windows: readonly (readonly number[])[] = [];
  private rows: Rows | null = null;
  private plan0: MemoryPlan | null = null;
  private loader: BlockLoader | null = null;
  private curve: Curve | null = null;

  /** @param unremovable per block, why it cannot be left out, or null. */
  constructor(
    programs: ScorePrograms,
    folder: Folder,
    unremovable: readonly (string | null)[],
    engine: Engine,
    options: SessionOptions = {},
  ) {
    this.programs = programs;
    this.engine = engine;
    this.unremovable = unremovable;
    this.budget = { ...DEFAULT_BUDGET, ...options.budget };
    this.chain = new Chain(programs, folder, engine);
  }

  /**
   * Cuts the model into programs for this engine. No weight is read yet.
   * @throws EspalierError `unsupported-graph` when perplexity cannot be had, `unsupported-op` when float16 is needed and the device has none.
   */
  static open(opened: OpenedModel, engine: Engine, options: SessionOptions = {}): ScoreSession {
    const programs = makeScorePrograms(opened, { device: engine.kind });
    if (programs.residualType === 'float16' && !engine.float16)
      throw new EspalierError(
        'unsupported-op',
        'This graph computes in float16, which this GPU does not offer (shader-f16).',
        'Use the wasm device, or a float32 or q4 graph.',
      );
    const unremovable = opened.structure.blocks.map((block) => block.unremovable);
    return new ScoreSession(programs, opened.folder, unremovable, engine, options);
  }

  /** Peak bytes of scoring `windows` windows of `length` tokens. */
  memory(windows: number, length: number): MemoryEstimate {
    return estimateMemory(this.programs, windows, length, this.engine, this.budget);
  }

  /**
   * The leave-one-out curve.
   * @throws EspalierError `cancelled`, `bad-input`, `missing-file`, `out-of-memory`, `device-lost`.
   */
  score(windows: readonly (readonly number[])[], signal: AbortSignal | undefined, onEvent: OnEvent): Promise<Curve> {
    return this.exclusive(async () => {
      const started = performance.now();
      const progress = (p: Omit<Progress, 'job'>): void => onEvent({ type: 'progress', progress: { job: 'score', ...p } });
      await this.prepare(windows, signal, progress);
      this.dropStates();
      const plan = this.planOf();
      const numBlocks = this.programs.blocks.length;
      const removable = (block: number): boolean => !this.unremovable[block];
      const steps = plan.resident ? residentSchedule(numBlocks, removable) : streamedSchedule(numBlocks, removable);
      const groups = Array.from({ length: Math.ceil(windows.length / plan.group) }, (_, k) =>
        windows.slice(k * plan.group, (k + 1) * plan.group),
      );
      const found = new Grouped(groups.length);
      const blocks: BlockScore[] = [];
      let baseline: Measure | null = null;
      let ratio: number | null = null;
      for (const [g, group] of groups.entries()) {
        const pass = this.passOver(group, signal);
        if (g > 0) this.dropStates();
        const cost = await leaveOneOut(pass, steps, this.intact, plan.keepIntact, {
          onVisit: (block) => this.visit(block, signal),
          onBlock: (done, total, left) =>
            progress({
              phase: 'score',
              done: g * total + done,
              total: groups.length * total,
              unit: 'blocks',
              secondsLeft: left === null ? null : left * (groups.length - g),
            }),
          onResult: (variant, values) => {
            const nll = found.add(variant, values);
            if (!nll) return;
            if (variant === 'intact') {
              baseline = measureWindows(nll);
              onEvent({ type: 'baseline', baseline });
            } else if (baseline) {
              const block = blockScore(variant, nll, baseline);
              blocks.push(block);
              onEvent({ type: 'block', block });
            }
          },
        });
        ratio = cost.ratio;
      }
      if (!plan.keepIntact) this.dropStates();
      if (!baseline) throw new EspalierError('bug', 'The pass ended without a baseline.');
      for (const [index, reason] of this.unremovable.entries()) {
        if (!reason) continue;
        const block = { ...blockScore(index, (baseline as Measure).nllPerWindow, baseline), refused: reason };
        blocks.push(block);
        onEvent({ type: 'block', block });
      }
      blocks.sort((a, b) => a.index - b.index);
      const order = removalOrder(blocks);
      this.curve = { baseline, blocks, order, seconds: (performance.now() - started) / 1000, costRatio: ratio };
      return this.curve;
    });
  }

  /** Windows for plans without a curve; weights and the intact pass come with the first plan. */
  useWindows(windows: readonly (readonly number[])[]): Promise<void> {
    return this.exclusive(async () => {
      chunkWindows(windows, 1, this.programs.vocabSize);
      if (!sameWindows(this.windows, windows)) {
        this.dropStates();
        this.curve = null;
        this.rows = null;
        this.windows = windows;
      }
    });
  }

  /**
   * NLL with `removed` taken out together, on the windows of the last `score` or `useWindows`.
   * @throws EspalierError `bad-input` without windows or for a block that cannot be removed, `cancelled`.
   */
  plan(
    removed: readonly number[],
    signal?: AbortSignal,
    onProgress: (progress: Progress) => void = () => {},
  ): Promise<Measure & { seconds: number }> {
    return this.exclusive(async () => {
      const started = performance.now();
      const sorted = this.checkRemoved(removed);
      const known = this.known(sorted);
      if (known) return { ...known, seconds: 0 };
      const progress = (p: Omit<Progress, 'job'>): void => onProgress({ job: 'plan', ...p });
      await this.prepare(this.windows, signal, progress);
      const plan = this.planOf();
      const groups = Array.from({ length: Math.ceil(this.windows.length / plan.group) }, (_, k) =>
        this.windows.slice(k * plan.group, (k + 1) * plan.group),
      );
      const nll: number[] = [];
      for (const group of groups) {
        const pass = this.passOver(group, signal);
        if (plan.keepIntact && !this.intact.has(0)) this.intact.set(0, await pass.embed());
        const end = await runPlan(pass, sorted, this.intact, plan.keepIntact ? this.planStates : null, {
          onVisit: (block) => this.visit(block, signal),
          onBlock: (done, total) => progress({ phase: 'score', done, total, unit: 'blocks', secondsLeft: null }),
        });
        try {
          nll.push(...(await pass.head(end)));
        } finally {
          end.release();
        }
      }
      return { ...measureWindows(nll), seconds: (performance.now() - started) / 1000 };
    });
  }

  /** NLL of each predicted token of one window with `removed` taken out: what an export of that plan must reproduce. */
  nllPerToken(removed: readonly number[], window: readonly number[], signal?: AbortSignal): Promise<Float32Array> {
    return this.exclusive(async () => {
      const sorted = this.checkRemoved(removed);
      await this.load(signal, () => {});
      const pass = new Pass(this.chain, chunkWindows([window], 1, this.programs.vocabSize), signal);
      const end = await runPlan(pass, sorted, new Map(), null, { onVisit: (block) => this.visit(block, signal), onBlock: () => {} });
      try {
        return (await pass.headPerToken(end))[0] ?? new Float32Array();
      } finally {
        end.release();
      }
    });
  }

  /** Frees states, weights and sessions: the engine's ledger is zero afterwards. The engine stays with its owner. */
  dispose(): Promise<void> {
    return this.exclusive(async () => {
      this.dropStates();
      await this.chain.dispose();
    });
  }

  private async prepare(
    windows: readonly (readonly number[])[],
    signal: AbortSignal | undefined,
    progress: (p: Omit<Progress, 'job'>) => void,
  ): Promise<void> {
    if (windows.length === 0)
      throw new EspalierError('bad-input', 'There are no windows to measure on.', 'Score the model first, or give windows.');
    const probe = chunkWindows(windows, 1, this.programs.vocabSize).reduce((a, b) => (b.length > a.length ? b : a));
    if (!sameWindows(this.windows, windows)) {
      this.dropStates();
      this.curve = null;
      this.rows = null;
      this.windows = windows.map((window) => [...window]);
    }
    const plan = planMemory(this.programs, windows.length, probe.length, this.engine.kind, this.budget);
    this.plan0 = plan;
    await this.load(signal, progress);
    if (this.rows) return;
    progress({ phase: 'warmup', done: 0, total: 1, unit: 'runs', secondsLeft: null });
    await this.chain.freeSides();
    await this.visit(0, signal);
    const limits = rowsByMemory(plan.group, probe.length, this.programs.hiddenSize, this.programs.vocabSize, this.engine.maxBufferBytes);
    const rows = await chooseRows(this.chain, probe, limits, signal);
    this.chain.headRows = rows.head;
    this.rows = rows;
    const chunks = chunkWindows(windows.slice(0, plan.group), rows.block, this.programs.vocabSize);
    if (plan.resident) await warmShapes(this.chain, chunks, signal);
    progress({ phase: 'warmup', done: 1, total: 1, unit: 'runs', secondsLeft: null });
  }

  private async load(signal: AbortSignal | undefined, progress: (p: Omit<Progress, 'job'>) => void): Promise<void> {
    if (this.loader) return;
    await this.chain.compile({
      signal,
      onProgram: (done, total) => progress({ phase: 'compile', done, total, unit: 'programs', secondsLeft: null }),
    });
    const resident = planMemory(this.programs, 1, 2, this.engine.kind, this.budget).resident;
    const total = estimateMemory(this.programs, 1, 2, this.engine, this.budget).weights;
    const loader = new BlockLoader(this.chain, resident);
    let read = 0;
    await loader.loadAll({
      signal,
      onBytes: (bytes) => {
        read = Math.min(total, read + bytes);
        progress({ phase: 'read', done: read, total, unit: 'bytes', secondsLeft: null });
      },
    });
    this.loader = loader;
  }

  private async visit(block: number, signal: AbortSignal | undefined): Promise<void> {
    await this.loader?.visit(block, { signal });
  }

  private passOver(windows: readonly (readonly number[])[], signal: AbortSignal | undefined): Pass {
    return new Pass(this.chain, chunkWindows(windows, this.rows?.block ?? 1, this.programs.vocabSize), signal);
  }

  private planOf(): MemoryPlan {
    if (!this.plan0) throw new EspalierError('bug', 'The memory plan is missing.');
    return this.plan0;
  }

  private known(removed: readonly number[]): Measure | null {
    if (!this.curve || removed.length > 1) return null;
    const index = removed[0];
    const measure = index === undefined ? this.curve.baseline : this.curve.blocks[index];
    return measure ? { nll: measure.nll, ppl: measure.ppl, nllPerWindow: [...measure.nllPerWindow] } : null;
  }

  private checkRemoved(removed: readonly number[]): number[] {
    const sorted = [...new Set(removed)].sort((a, b) => a - b);
    for (const block of sorted) {
      if (!Number.isInteger(block) || block < 0 || block >= this.programs.blocks.length)
        throw new EspalierError(
          'bad-input',
          `There is no block ${block}; the model has blocks 0 to ${this.programs.blocks.length - 1}.`,
          'Choose other blocks.',
        );
      const reason = this.unremovable[block];
      if (reason) throw new EspalierError('bad-input', `Block ${block} cannot be removed: ${reason}`, 'Keep this block.');
    }
    if (sorted.length >= this.programs.blocks.length)
      throw new EspalierError('bad-input', 'A plan must leave at least one block.', 'Keep a block.');
    return sorted;
  }

  private dropStates(): void {
    for (const state of this.intact.values()) state.release();
    this.intact.clear();
    this.planStates.clear();
  }
}

function sameWindows(a: readonly (readonly number[])[], b: readonly (readonly number[])[]): boolean {
  return a.length === b.length && a.every((window, k) => window.length === b[k]?.length && window.every((id, t) => id === b[k]?.[t]));
}
