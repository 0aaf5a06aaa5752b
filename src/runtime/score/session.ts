// A model ready to be scored on one engine: curve, plans and memory over the same windows; must not
// know about texts, files on disk or the page.

import { measureWindows } from '../../analysis/perplexity.ts';
import type { HiddenCriteria } from '../../contract/criteria.ts';
import type { EvaluateEvent, EvaluateResult } from '../../contract/evaluate.ts';
import type { Progress } from '../../contract/progress.ts';
import type { Measure, MemoryEstimate, ScoreEvent, SublayersEvent } from '../../contract/score.ts';
import type { SearchEvent } from '../../contract/search.ts';
import { EspalierError } from '../../errors.ts';
import type { OpenedModel } from '../../model/open/open.ts';
import type { ScorePrograms } from '../../model/programs/program.ts';
import { makeScorePrograms } from '../../model/programs/programs.ts';
import { fitted } from '../../model/programs/widen.ts';
import { missingBlock, unitsObstacle } from '../../model/structure/removable.ts';
import type { Folder } from '../../onnx/source.ts';
import { blockOf, sortUnits, type Unit } from '../../units.ts';
import type { CheckpointStore } from '../checkpoint/checkpoint.ts';
import { CheckpointWriter } from '../checkpoint/writer.ts';
import type { Engine } from '../device/engine.ts';
import { createLock } from '../device/ort.ts';
import { evaluate } from '../evaluate/evaluate.ts';
import type { EvaluationText } from '../evaluate/text.ts';
import { Chain } from '../pass/chain.ts';
import type { StatesByCut } from '../pass/hidden.ts';
import type { Gate } from '../pass/pass.ts';
import { ScoringContext, type Windows } from '../pass/scoringContext.ts';
import { type Found, type SearchPlan, searchIteratively } from '../search/iterative.ts';
import { defaultBudget } from '../weights/budget.ts';
import { estimateMemory } from '../weights/memory.ts';
import { chunkWindows } from '../weights/windows.ts';
import {
  type Curve,
  type CurveJob,
  measureCurve,
  measureHidden,
  measureSublayers,
  type SublayersCurve,
} from './curve.ts';
import { PlanStates, runPlan } from './plans.ts';

export type { Curve, SublayersCurve } from './curve.ts';

export interface SessionOptions {
  /**
   * Bytes that weights, hidden states, scratch and logits may take together; by default 70 % of
   * what the device is believed to have.
   */
  budgetBytes?: number | undefined;
  /** Stream the weights although they would fit: for a session that goes over them once. */
  streamed?: boolean;
}

/** One model on one engine. Calls are queued: score and plan never overlap. */
export class ScoreSession {
  readonly programs: ScorePrograms;
  readonly engine: Engine;
  private readonly unremovable: readonly (string | null)[];
  private budget: number;
  private readonly context: ScoringContext;
  private readonly exclusive = createLock();
  private readonly original: StatesByCut = new Map();
  private readonly planStates = new PlanStates();
  private curve: Curve | null = null;
  private parts: SublayersCurve | null = null;

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
    this.budget = options.budgetBytes ?? defaultBudget(engine.kind, engine.maxBufferBytes);
    this.context = new ScoringContext(new Chain(programs, folder, engine), this.budget);
    this.context.forceStreaming = options.streamed ?? false;
  }

  /**
   * Cuts the model into programs for this engine. No weight is read yet.
   * @throws EspalierError `unsupported-graph` when perplexity cannot be had, `unsupported-op` for
   *   element types that cannot run here.
   */
  static open(opened: OpenedModel, engine: Engine, options: SessionOptions = {}): ScoreSession {
    const programs = fitted(makeScorePrograms(opened, { device: engine.kind }), engine.float16);
    const unremovable = opened.structure.blocks.map((block) => block.unremovable);
    return new ScoreSession(programs, opened.folder, unremovable, engine, options);
  }

  /** Peak bytes of scoring `windows` windows of `length` tokens. */
  memory(windows: number, length: number, budgetBytes = this.budget): MemoryEstimate {
    return estimateMemory(
      this.programs,
      windows,
      length,
      this.engine,
      budgetBytes,
      this.context.forceStreaming,
    );
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
      this.dropStates();
      this.context.setBudget(budget);
    });
  }

  /**
   * The leave-one-out curve, with the criteria of the hidden states.
   * @param store where the job writes itself down; what an interrupted run of it had measured is
   *   told at once
   * @throws EspalierError `cancelled`, `bad-input`, `missing-file`, `out-of-memory`, `device-lost`,
   *   `too-large` when the budget cannot hold even
   *   one stage of the model.
   */
  score(
    windows: Windows,
    signal: AbortSignal | undefined,
    onEvent: (event: ScoreEvent) => void,
    store?: CheckpointStore,
  ): Promise<Curve> {
    return this.exclusive(async () => {
      const started = performance.now();
      this.takeWindows(windows);
      const job = await this.curveJob(
        'score',
        signal,
        (progress) => onEvent({ type: 'progress', progress }),
        store,
      );
      this.dropStates();
      const found = await measureCurve(job, this.unremovable, onEvent);
      await job.writer?.clear();
      this.curve = { ...found, seconds: (performance.now() - started) / 1000 };
      return this.curve;
    });
  }

  /**
   * The curve over attention and feed-forward parts, each left out alone. Baseline and original
   * states of a curve on the same windows are used.
   * @throws EspalierError as `score`; `bad-input` when no block can be divided.
   */
  scoreSublayers(
    windows: Windows,
    signal: AbortSignal | undefined,
    onEvent: (event: SublayersEvent) => void,
    store?: CheckpointStore,
  ): Promise<SublayersCurve> {
    return this.exclusive(async () => {
      const started = performance.now();
      this.takeWindows(windows);
      const divisible = this.unremovable.map(
        (reason, block) => reason === null && Boolean(this.programs.sublayers?.[block]),
      );
      if (!divisible.includes(true))
        throw new EspalierError(
          'bad-input',
          'Attention and feed-forward cannot be told apart in any block of this model.',
          'Score whole blocks.',
        );
      const onProgress = (progress: Progress): void => onEvent({ type: 'progress', progress });
      const job = await this.curveJob('parts', signal, onProgress, store);
      this.planStates.clear();
      await this.context.prepareSublayers(divisible, signal);
      const found = await measureSublayers(job, divisible, this.curve?.baseline ?? null, onEvent);
      await job.writer?.clear();
      this.parts = { ...found, seconds: (performance.now() - started) / 1000 };
      return this.parts;
    });
  }

  /**
   * Block Influence and angular distance without a curve: one original pass, or none where its states
   * are there. @throws EspalierError as `score`.
   */
  hiddenCriteria(
    windows: Windows,
    signal?: AbortSignal,
    onProgress: (progress: Progress) => void = () => {},
  ): Promise<HiddenCriteria> {
    return this.exclusive(async () => {
      this.takeWindows(windows);
      if (this.curve?.hidden) return this.curve.hidden;
      const job = await this.curveJob('criteria', signal, onProgress);
      return measureHidden(job, this.programs.blocks.length, onProgress);
    });
  }

  /**
   * Iterative PPL: at each step every block that is left and not locked is left out alone, and the
   * one whose absence costs least goes; equals by lower index. A curve on the same windows is the
   * first step of a search that starts from the whole model.
   * @param gate holds the search between two runs
   * @throws EspalierError as `score`; `bad-input` for units or locks that the model does not have.
   */
  search(
    request: SearchPlan,
    signal: AbortSignal | undefined,
    gate: Gate | undefined,
    onEvent: (event: SearchEvent) => void,
    store?: CheckpointStore,
  ): Promise<Found> {
    return this.exclusive(async () => {
      const started = performance.now();
      const start = this.checkRemoved(request.start);
      const missing = missingBlock(this.programs.blocks.length, request.locked);
      if (missing !== null) throw new EspalierError('bad-input', missing, 'Change the locks.');
      this.takeWindows(request.windows);
      const onProgress = (progress: Progress): void => onEvent({ type: 'progress', progress });
      const { original, ...job } = await this.curveJob('search', signal, onProgress, store);
      this.planStates.clear();
      const first = Math.min(this.programs.blocks.length, ...start.map(blockOf));
      const states = new Map(
        [...original]
          .filter(([cut]) => job.plan.keepOriginal && cut <= first)
          .map(([cut, state]) => [cut, state.retain()]),
      );
      if (!job.plan.keepPlans) this.dropStates();
      const device = { kind: this.engine.kind, name: this.engine.name };
      const found = await searchIteratively(
        {
          ...request,
          ...job,
          start,
          states,
          gate,
          unremovable: this.unremovable,
          curve: this.curve,
        },
        {
          onStarted: (baseline, resumedSteps) =>
            onEvent({ type: 'started', device, baseline, resumedSteps }),
          onCandidate: (step, block, nll) => onEvent({ type: 'candidate', step, block, nll }),
          onStep: (step) => onEvent({ type: 'step', step }),
          onProgress: (done, total, secondsLeft) =>
            onProgress({ job: 'search', phase: 'score', done, total, unit: 'blocks', secondsLeft }),
        },
      );
      await job.writer?.clear();
      return { ...found, seconds: (performance.now() - started) / 1000 };
    });
  }

  /**
   * Windows for plans without a curve; weights and the original pass come with the first plan.
   * @throws EspalierError `bad-input`.
   */
  useWindows(windows: Windows): Promise<void> {
    return this.exclusive(async () => this.takeWindows(windows));
  }

  /**
   * NLL with `removed` taken out together, on the windows of the last `score` or `useWindows`.
   * @throws EspalierError `bad-input` without windows or for a unit that cannot be removed,
   *   `cancelled`.
   */
  plan(
    removed: readonly Unit[],
    signal?: AbortSignal,
    onProgress: (progress: Progress) => void = () => {},
  ): Promise<Measure & { seconds: number }> {
    return this.exclusive(async () => {
      const started = performance.now();
      const sorted = this.checkRemoved(removed);
      const known = this.known(sorted);
      if (known) return { ...known, seconds: 0 };
      this.takeWindows(this.context.windows);
      const plan = await this.context.prepare(signal, (p) => onProgress({ job: 'plan', ...p }));
      const nll: number[] = [];
      const passes = this.context.passes(plan.planGroup, signal);
      for (const [k, pass] of passes.entries()) {
        const stored = plan.keepOriginal
          ? { original: this.original, plan: plan.keepPlans ? this.planStates : null }
          : null;
        const end = await runPlan(pass, sorted, stored, {
          onVisit: (stage, next) => this.context.visit(stage, next, signal),
          onBlock: (done, total) =>
            onProgress({
              job: 'plan',
              phase: 'score',
              done,
              total,
              unit: 'blocks',
              secondsLeft: null,
            }),
        });
        try {
          await this.context.visit('head', passes[k + 1] ? 'embed' : null, signal);
          nll.push(...(await pass.head(end)));
        } finally {
          end.release();
        }
      }
      return { ...measureWindows(nll), seconds: (performance.now() - started) / 1000 };
    });
  }

  /**
   * NLL of each predicted token of one window with `removed` taken out: what an export of that plan
   * must reproduce.
   */
  nllPerToken(
    removed: readonly Unit[],
    window: readonly number[],
    signal?: AbortSignal,
  ): Promise<Float32Array> {
    return this.exclusive(async () => {
      const sorted = this.checkRemoved(removed);
      chunkWindows([window], 1, this.programs.vocabSize);
      await this.context.loadFor([window], signal);
      const pass = this.context.passOver([window], signal);
      const end = await runPlan(pass, sorted, null, {
        onVisit: (stage, next) => this.context.visit(stage, next, signal),
        onBlock: () => {},
      });
      try {
        await this.context.visit('head', null, signal);
        return (await pass.headPerToken(end))[0] ?? new Float32Array();
      } finally {
        end.release();
      }
    });
  }

  /**
   * Perplexity of the model and of a plan on another text. Hidden states of the curve and of plans
   * are dropped, and made again when a plan is measured next; its windows and numbers stay.
   * @throws EspalierError as `plan`; cancelled, the last partial result was told by an event.
   */
  evaluate(
    text: EvaluationText,
    removed: readonly Unit[],
    signal: AbortSignal | undefined,
    onEvent: (event: EvaluateEvent) => void,
  ): Promise<EvaluateResult> {
    return this.exclusive(async () => {
      const sorted = this.checkRemoved(removed);
      this.dropStates();
      const { windows } = this.context;
      try {
        return await evaluate(this.context, text, sorted, signal, onEvent);
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
      this.dropStates();
      await this.context.dispose();
    });
  }

  private async curveJob(
    name: string,
    signal: AbortSignal | undefined,
    onProgress: (progress: Progress) => void,
    store?: CheckpointStore,
  ): Promise<CurveJob> {
    const plan = await this.context.prepare(signal, (progress) =>
      onProgress({ job: name, ...progress }),
    );
    return {
      context: this.context,
      plan,
      original: this.original,
      writer: store ? new CheckpointWriter(store) : null,
      signal,
    };
  }

  private takeWindows(windows: Windows): void {
    if (!this.context.use(windows)) return;
    this.dropStates();
    this.curve = null;
    this.parts = null;
  }

  /** The original model, single blocks and single parts are known from the curves. */
  private known([unit, ...others]: readonly Unit[]): Measure | null {
    if (others.length > 0) return null;
    const measure =
      unit === undefined
        ? (this.curve ?? this.parts)?.baseline
        : (this.curve?.blocks.find(({ index }) => index === unit) ??
          this.parts?.parts.find((part) => part.unit === unit));
    return measure
      ? { nll: measure.nll, ppl: measure.ppl, nllPerWindow: [...measure.nllPerWindow] }
      : null;
  }

  private checkRemoved(removed: readonly Unit[]): Unit[] {
    const units = sortUnits(removed);
    const blocks = this.unremovable.map((unremovable, block) => ({
      unremovable,
      hasSublayers: Boolean(this.programs.sublayers?.[block]),
    }));
    const wrong = unitsObstacle(blocks, units);
    if (wrong !== null) throw new EspalierError('bad-input', wrong, 'Change the plan.');
    return units;
  }

  private dropStates(): void {
    for (const state of this.original.values()) state.release();
    this.original.clear();
    this.planStates.clear();
  }
}
