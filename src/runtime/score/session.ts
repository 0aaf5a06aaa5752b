// A model ready to be scored on one engine: curves, plans, search and evaluation over the same
// windows. Texts and files are up to the callers.

import { measureWindows } from '../../analysis/perplexity.ts';
import type { HiddenCriteria } from '../../contract/criteria.ts';
import type { EvaluateEvent, EvaluateResult } from '../../contract/evaluate.ts';
import type { Progress } from '../../contract/progress.ts';
import type { Measure, MemoryEstimate, ScoreEvent, SublayersEvent } from '../../contract/score.ts';
import type { SearchEvent } from '../../contract/search.ts';
import { EspalierError } from '../../errors.ts';
import { defaultBudget } from '../../memoryBudget.ts';
import type { Healing } from '../../model/healing/healing.ts';
import type { OpenedModel } from '../../model/open/open.ts';
import type { ScorePrograms } from '../../model/programs/program.ts';
import { missingBlock, unitsObstacle } from '../../model/structure/removable.ts';
import { lendersOf } from '../../model/structure/removeCaches.ts';
import type { Folder } from '../../onnx/source.ts';
import { blockOf, sortUnits, type Unit } from '../../units.ts';
import type { CheckpointStore } from '../checkpoint/checkpoint.ts';
import { CheckpointWriter } from '../checkpoint/writer.ts';
import type { Engine } from '../device/engine.ts';
import { createLock } from '../device/ort.ts';
import { type EvaluateHooks, evaluate } from '../evaluate/evaluate.ts';
import type { EvaluationText } from '../evaluate/text.ts';
import { Chain } from '../pass/chain.ts';
import type { Gate } from '../pass/gate.ts';
import { findNotFinite, type NotFinite, whyNoStates } from '../pass/notFinite.ts';
import { ScoringContext, type Windows } from '../pass/scoringContext.ts';
import { searchHooks } from '../search/hooks.ts';
import {
  type SearchOnWindows,
  type SearchOutcome,
  searchIteratively,
} from '../search/iterative.ts';
import { estimateMemory } from '../weights/memory.ts';
import {
  type Curve,
  type CurveJob,
  measureCurve,
  measureHidden,
  measureSublayers,
  type SublayersCurve,
} from './curve.ts';
import { HealedModels } from './healedModels.ts';
import { KnownMeasures } from './knownMeasures.ts';
import { nllPerToken, nllPerWindow } from './planMeasure.ts';
import { removableBlocks, removableSublayers, sublayersObstacle } from './removableUnits.ts';
import {
  type EventOptions,
  type ProgressOptions,
  programsOf,
  type SessionModel,
  type SessionOptions,
} from './sessionOptions.ts';
import { SessionStates } from './sessionStates.ts';

export type { Curve, SublayersCurve } from './curve.ts';

/** One model on one engine. Calls are queued: score and plan never overlap. */
export class ScoreSession {
  readonly programs: ScorePrograms;
  readonly engine: Engine;
  private readonly folder: Folder;
  private readonly healed: HealedModels;
  /** Per block, why it cannot be left out, or null. */
  private readonly unremovable: readonly (string | null)[];
  /** Per block, those without which it cannot be left out: they read its cache. */
  private readonly borrowers: readonly (readonly number[])[];
  private budget: number;
  private readonly context: ScoringContext;
  private readonly exclusive = createLock();
  private readonly states = new SessionStates();
  private readonly known = new KnownMeasures();

  private constructor(opened: OpenedModel, engine: Engine, options: SessionOptions) {
    const { folder, structure } = opened;
    const programs = programsOf(opened, engine, options);
    this.programs = programs;
    this.engine = engine;
    this.folder = folder;
    this.unremovable = structure.blocks.map((block) => block.unremovable);
    this.borrowers = lendersOf(structure).map((block) => block.borrowers);
    this.budget = options.budgetBytes ?? defaultBudget(engine.kind, engine.maxBufferBytes);
    this.context = new ScoringContext(new Chain(programs, folder, engine), this.budget);
    this.context.forceStreaming = options.streamed ?? false;
    this.healed = new HealedModels(this.context, structure);
  }

  /**
   * Cuts the model into programs for this engine. No weight is read yet.
   * @throws EspalierError `unsupported-graph` when perplexity cannot be had, `unsupported-op` for
   *   element types that cannot run here.
   */
  static open(opened: OpenedModel, engine: Engine, options: SessionOptions = {}): ScoreSession {
    return new ScoreSession(opened, engine, options);
  }

  /** Peak bytes of scoring `windows` windows of `length` tokens. */
  memory(windows: number, length: number, budgetBytes = this.budget): MemoryEstimate {
    const { programs, engine, context } = this;
    return estimateMemory(programs, windows, length, engine, budgetBytes, context.forceStreaming);
  }

  /**
   * Takes another budget, in bytes (undefined = the default): the next job loads weights as it
   * allows. States of the curve so far are dropped.
   */
  setBudget(budgetBytes: number | undefined): Promise<void> {
    const budget = budgetBytes ?? defaultBudget(this.engine.kind, this.engine.maxBufferBytes);
    return this.exclusive(async () => {
      if (budget === this.budget) return;
      this.budget = budget;
      this.states.drop();
      this.context.setBudget(budget);
    });
  }

  /**
   * The leave-one-out curve, with the criteria of the hidden states.
   * @param store where the job is written down; what an interrupted run of it has measured is
   *   reported at once
   * @throws EspalierError `cancelled`, `bad-input`, `missing-file`, `out-of-memory`, `device-lost`;
   *   `too-large` when the budget cannot hold even one stage of the model.
   */
  score(
    windows: Windows,
    signal: AbortSignal | undefined,
    onEvent: (event: ScoreEvent) => void,
    store?: CheckpointStore,
  ): Promise<Curve> {
    return this.job('score', windows, { signal, onEvent, store }, async (job) => {
      this.states.drop();
      const curve = await measureCurve(job, this.unremovable, onEvent);
      this.known.curve = curve;
      return curve;
    });
  }

  /**
   * The curve over sublayers, each left out alone. Baseline and states of the original from a curve
   * on the same windows are used.
   * @throws EspalierError as `score`; `bad-input` when no block can be divided.
   */
  scoreSublayers(
    windows: Windows,
    signal: AbortSignal | undefined,
    onEvent: (event: SublayersEvent) => void,
    store?: CheckpointStore,
  ): Promise<SublayersCurve> {
    const removable = removableSublayers(this.unremovable, this.programs, this.borrowers);
    const none = sublayersObstacle(removable);
    if (none) return Promise.reject(none);
    return this.job('parts', windows, { signal, onEvent, store }, async (job) => {
      this.states.plans.clear();
      await this.context.prepareSublayers(removable, signal);
      const baseline = this.known.curve?.baseline ?? null;
      const numBlocks = this.unremovable.length;
      const sublayers = await measureSublayers(job, numBlocks, removable, baseline, onEvent);
      this.known.sublayers = sublayers;
      return sublayers;
    });
  }

  /**
   * Block Influence and angular distance without a curve: one pass of the original, or none where
   * its states are there. @throws EspalierError as `score`.
   */
  hiddenCriteria(
    windows: Windows,
    signal?: AbortSignal,
    onProgress: (progress: Progress) => void = () => {},
  ): Promise<HiddenCriteria> {
    return this.exclusive(async () => {
      this.takeWindows(windows);
      if (this.known.curve?.hidden) return this.known.curve.hidden;
      const job = await this.prepare('criteria', { signal, onProgress });
      return measureHidden(job, this.programs.blocks.length, onProgress);
    });
  }

  /** Gives `work` the engine and the budget to itself: what is on the device is dropped first. */
  alone<T>(work: (model: SessionModel) => Promise<T>): Promise<T> {
    return this.exclusive(async () => {
      this.states.drop();
      await this.context.dispose();
      return work(this.model);
    });
  }

  /**
   * Where the intact model stops giving numbers on one window; null when it does not. Windows and
   * states of the session stay. @throws EspalierError as `nllPerToken`
   */
  notFinite(window: readonly number[], signal?: AbortSignal): Promise<NotFinite | null> {
    return this.exclusive(async () => {
      const found = await findNotFinite(this.context, window, signal);
      return found.stage === null && found.nll === null ? null : found;
    });
  }

  /**
   * Why hidden states are not finite on these windows, and what follows (`so`), in a sentence; null
   * when they are. Runs each of them. @throws EspalierError as `nllPerToken`
   */
  whyNoStates(windows: Windows, so: string, signal?: AbortSignal): Promise<string | null> {
    return this.exclusive(() => whyNoStates(this.context, windows, so, signal));
  }

  /**
   * Iterative PPL: at each step every block that is left and not locked is left out alone, and the
   * one whose absence costs least is removed; equals by lower index. A curve on the same windows is
   * the first step of a search that starts from the whole model.
   * @param gate holds the search between two runs
   * @throws EspalierError as `score`; `bad-input` for units or locks that the model does not have.
   */
  async search(
    request: SearchOnWindows,
    signal: AbortSignal | undefined,
    gate: Gate | undefined,
    onEvent: (event: SearchEvent) => void,
    store?: CheckpointStore,
  ): Promise<SearchOutcome> {
    const start = this.checkRemoved(request.start);
    const missing = missingBlock(this.programs.blocks.length, request.locked);
    if (missing !== null) throw new EspalierError('bad-input', missing, 'Change the locks.');
    return this.job('search', request.windows, { signal, onEvent, store }, (job) => {
      const { original: _, ...rest } = job;
      this.states.plans.clear();
      const first = Math.min(this.programs.blocks.length, ...start.map(blockOf));
      const states = job.plan.keepOriginal ? this.states.upTo(first) : new Map();
      if (!job.plan.keepPlans) this.states.drop();
      const { curve } = this.known;
      const { unremovable, borrowers } = this;
      return searchIteratively(
        { ...request, ...rest, start, states, gate, unremovable, borrowers, curve },
        searchHooks({ kind: this.engine.kind, name: this.engine.name }, onEvent),
      );
    });
  }

  /**
   * Windows for plans without a curve; weights are loaded, and the original runs, with the first
   * plan.
   * @throws EspalierError `bad-input`.
   */
  useWindows(windows: Windows): Promise<void> {
    return this.exclusive(async () => this.takeWindows(windows));
  }

  /**
   * NLL with `removed` taken out together, on the windows of the last `score` or `useWindows`.
   * @param healing of this plan: its weights run in place of those of the model
   * @throws EspalierError `bad-input` without windows, for a unit that cannot be removed, and for a
   *   healing of another plan or model; `cancelled`.
   */
  plan(
    removed: readonly Unit[],
    signal?: AbortSignal,
    onProgress: (progress: Progress) => void = () => {},
    healing?: Healing,
  ): Promise<Measure & { seconds: number }> {
    return this.exclusive(async () => {
      const started = performance.now();
      const sorted = this.checkRemoved(removed);
      const known = healing ? this.healed.measured(healing, sorted) : this.known.of(sorted);
      if (known) return { ...known, seconds: 0 };
      this.takeWindows(this.context.windows);
      const nll = await this.healed.runs(healing, sorted, { signal }, (healed) =>
        nllPerWindow(this.context, sorted, this.states, signal, onProgress, healed?.programs),
      );
      const measure = measureWindows(nll);
      if (healing) this.healed.remember(healing, measure);
      return { ...measure, seconds: (performance.now() - started) / 1000 };
    });
  }

  /**
   * NLL of each predicted token of one window with `removed` taken out: what an export of that plan
   * must reproduce. @param healing as `plan`
   */
  nllPerToken(
    removed: readonly Unit[],
    window: readonly number[],
    signal?: AbortSignal,
    onBlock?: (done: number, total: number) => void,
    healing?: Healing,
  ): Promise<Float32Array> {
    return this.exclusive(async () => {
      const sorted = this.checkRemoved(removed);
      return this.healed.runs(healing, sorted, { signal }, (healed) =>
        nllPerToken(this.context, sorted, window, signal, onBlock, healed?.programs),
      );
    });
  }

  /**
   * Perplexity of the original and of a plan on another text. Hidden states of the curve and of
   * plans are dropped, and computed again when a plan is measured next; windows and numbers stay.
   * @param healing as `plan`
   * @param hooks what a job that evaluates takes of it besides
   * @throws EspalierError as `plan`; when cancelled, an event has reported the last partial result.
   */
  evaluate(
    text: EvaluationText,
    removed: readonly Unit[],
    signal: AbortSignal | undefined,
    onEvent: (event: EvaluateEvent) => void,
    healing?: Healing,
    hooks?: EvaluateHooks,
  ): Promise<EvaluateResult> {
    return this.exclusive(async () => {
      const sorted = this.checkRemoved(removed);
      this.states.drop();
      const { windows } = this.context;
      try {
        return await this.healed.runs(healing, sorted, { signal, together: true }, (healed) =>
          evaluate(this.context, text, sorted, signal, onEvent, { ...hooks, healed }),
        );
      } finally {
        this.context.putBack(windows);
      }
    });
  }

  /**
   * Frees states, weights and sessions: the engine's ledger is zero afterwards. The engine stays
   * with its owner.
   */
  dispose(): Promise<void> {
    return this.exclusive(async () => {
      this.states.drop();
      await this.context.dispose();
    });
  }

  /** Weights are streamed although they may fit. */
  get streamed(): boolean {
    return this.context.forceStreaming;
  }

  /** What `alone` gives: all that work of its own needs to run the model. */
  get model(): SessionModel {
    const { programs, folder, engine, budget } = this;
    return { programs, folder, engine, budget };
  }

  /** Runs a long job over windows; what its store holds is cleared when it has finished. */
  private job<T extends object>(
    name: string,
    windows: Windows,
    { signal, onEvent, store }: EventOptions,
    work: (job: CurveJob) => Promise<T>,
  ): Promise<T & { seconds: number }> {
    return this.exclusive(async () => {
      const started = performance.now();
      this.takeWindows(windows);
      const onProgress = (progress: Progress): void => onEvent({ type: 'progress', progress });
      const job = await this.prepare(name, { signal, onProgress, store });
      const found = await work(job);
      await job.writer?.clear();
      return { ...found, seconds: (performance.now() - started) / 1000 };
    });
  }

  private async prepare(
    name: string,
    { signal, onProgress, store }: ProgressOptions,
  ): Promise<CurveJob> {
    const plan = await this.context.prepare(signal, (progress) =>
      onProgress({ job: name, ...progress }),
    );
    return {
      context: this.context,
      plan,
      original: this.states.original,
      writer: store ? new CheckpointWriter(store) : null,
      signal,
    };
  }

  private takeWindows(windows: Windows): void {
    if (!this.context.use(windows)) return;
    this.states.drop();
    this.known.clear();
    this.healed.clear();
  }

  /** The units of a plan in order. @throws EspalierError `bad-input` for those that must stay */
  checkRemoved(removed: readonly Unit[]): Unit[] {
    const units = sortUnits(removed);
    const blocks = removableBlocks(this.unremovable, this.programs, this.borrowers);
    const wrong = unitsObstacle(blocks, units);
    if (wrong !== null) throw new EspalierError('bad-input', wrong, 'Change the plan.');
    return units;
  }
}
