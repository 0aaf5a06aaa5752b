// The studio worker as the page sees it: one model open at a time.

import type { MeasuredSource } from '../analysis/criteriaTable.ts';
import type { Identity } from '../model/export/identity.ts';
import type { StepChoice } from '../model/export/steps.ts';
import type { Healing } from '../model/healing/healing.ts';
import type { WrittenSizes } from '../model/open/size.ts';
import type { Quantisation } from '../model/quantise/quantisation.ts';
import type { Unit } from '../units.ts';
import type { TasksApi } from './comparison/tasks.ts';
import type { WidthApi } from './comparison/width.ts';
import type { SourceResult } from './criteria.ts';
import type { BrowserDeviceKind, DeviceChoice, DeviceReport } from './device.ts';
import type { EvaluateEvent, EvaluateResult, PageEvaluateRequest } from './evaluate.ts';
import type {
  AdapterRequest,
  AdapterResult,
  ExportRequest,
  ExportResult,
  HealedForms,
} from './export.ts';
import type {
  HealEstimate,
  HealEvent,
  HealingShelf,
  HealOutcome,
  HealRequest,
  KeptHealing,
} from './heal.ts';
import type { Interrupted } from './interrupted.ts';
import type { Methods } from './methods.ts';
import type { OpenRequest, OpenResult } from './open.ts';
import type { PlanResult } from './plan.ts';
import type { Progress } from './progress.ts';
import type {
  QuantisationShelf,
  QuantiseEstimate,
  QuantiseEvent,
  QuantiseOutcome,
  QuantiseRequest,
} from './quantise.ts';
import type { RunTimes, RunTimesRequest } from './runTimes.ts';
import type {
  MemoryEstimate,
  ScoreEvent,
  ScoreResult,
  ScoreSettings,
  SublayersEvent,
  SublayersResult,
} from './score.ts';
import type { SearchEvent, SearchRequest, SearchResult } from './search.ts';
import type { TokenCount } from './tokens.ts';

/** Its calls that heal. */
export interface HealingApi {
  /**
   * What a healing will take; two steps of a training are measured, or a block of a refit. Whatever
   * else needs the engine ends it at once.
   * @throws EspalierError `cancelled` then, and while a job runs; `unsupported-op` and
   *   `unsupported-graph` naming what cannot be healed; `bad-input` for texts and settings.
   */
  estimateHealing(request: HealRequest): Promise<HealEstimate>;
  /** Refits or trains a plan and keeps what comes of it. @throws EspalierError as the estimate. */
  heal(request: HealRequest, onEvent: (event: HealEvent) => void): Promise<HealOutcome>;
  /**
   * Refits a plan as the page does by itself: as `heal`, but whatever else needs the engine ends
   * it.
   */
  refit(request: HealRequest, onEvent: (progress: Progress) => void): Promise<HealOutcome>;
  /**
   * Trains the original on the text of this healing to predict the next token, with the settings
   * of its training otherwise, and records what that does beside it.
   * @throws EspalierError `bad-input` where the texts are no longer there
   */
  controlHealing(id: string, onEvent: (event: HealEvent) => void): Promise<KeptHealing>;
  /** Ends the running training early, with the best state so far as its result. */
  stopHealing(): Promise<void>;
  /** The healings of the open model. */
  healings(): Promise<HealingShelf>;
  /** A healing with its weights. @throws EspalierError `bad-input` where it is not there. */
  healing(id: string): Promise<Healing>;
  /**
   * Perplexity of a healing of a graph of few bits, changed matrices rounded again and kept as
   * floats, on the windows of the last `score` or `useWindows`.
   */
  measureForms(id: string, onEvent: (progress: Progress) => void): Promise<HealedForms>;
  /** Why a healing cannot be an adapter for PEFT, in sentences; null where it can. */
  adapterObstacle(id: string): Promise<string | null>;
  /** Writes the adapter of a healing. @throws EspalierError for an obstacle; as `export` */
  saveAdapter(request: AdapterRequest): Promise<AdapterResult>;
  /** Erases one, or all of the open model. */
  forgetHealing(id: string | null): Promise<HealingShelf>;
  /**
   * Erases those of another model, or of all models together.
   * @param model its graph and weights hashes, separated by a blank
   */
  forgetHealingsOf(model: string | null): Promise<HealingShelf>;
}

/** Its calls that quantise. */
export interface QuantiseApi {
  /**
   * Every matrix with the form that the settings give it, bytes and memory; reads no weights.
   * Whatever else needs the engine ends it at once.
   * @throws EspalierError `cancelled` then, and while a job runs; `bad-input` for settings that
   *   exclude each other and a model in which nothing can be quantised; `unsupported-graph`
   */
  estimateQuantise(request: QuantiseRequest): Promise<QuantiseEstimate>;
  /**
   * Chooses the forms, computes what GPTQ computes, measures by the bytes that an export writes,
   * and keeps what comes of it.
   * @throws EspalierError as the estimate; `tokenizer` and `bad-input` for texts; of the engine
   */
  quantise(
    request: QuantiseRequest,
    onEvent: (event: QuantiseEvent) => void,
  ): Promise<QuantiseOutcome>;
  /** The quantisations of the open model. */
  quantisations(): Promise<QuantisationShelf>;
  /** One with what GPTQ computed. @throws EspalierError `bad-input` where it is not there. */
  quantisation(id: string): Promise<Quantisation>;
  /** Erases one, or all of the open model. */
  forgetQuantisation(id: string | null): Promise<QuantisationShelf>;
  /**
   * Erases those of another model, or of all models together.
   * @param model its graph and weights hashes, separated by a blank
   */
  forgetQuantisationsOf(model: string | null): Promise<QuantisationShelf>;
}

export interface StudioApi extends HealingApi, QuantiseApi, TasksApi, WidthApi {
  /**
   * Reads structure only. Replaces the model that was open, unless it fails: then the old one
   * stays.
   */
  open(request: OpenRequest, onEvent: (progress: Progress) => void): Promise<OpenResult>;
  /** Looks for a GPU and runs the self-test once per adapter; later calls answer at once. */
  device(): Promise<DeviceReport>;
  /**
   * What `auto` means for the open model: answers as soon as something that runs on `auto` has led
   * to it, and starts nothing. @throws EspalierError `cancelled` when another model is opened.
   */
  deviceChoice(): Promise<DeviceChoice>;
  /**
   * The same, found out now: where WebGPU and CPU can both run the model, a block of it is timed on
   * each, once for a structure on this machine.
   * @throws EspalierError `cancelled`, `unsupported-graph`; from the engine.
   */
  chooseDevice(onEvent: (progress: Progress) => void): Promise<DeviceChoice>;
  memory(settings: ScoreSettings): Promise<MemoryEstimate>;
  /**
   * What the gradients of the model on the windows of these settings will take; reads no weights.
   * @throws EspalierError `unsupported-op` naming an operator that has no gradient
   */
  gradientMemory(settings: ScoreSettings): Promise<MemoryEstimate>;
  /**
   * Times a block and the head, to say how long a job will take: reads the weights of these alone.
   * Whatever else needs the engine ends it at once.
   * @throws EspalierError `cancelled` then, and while a job runs; `too-large` where a block is too
   *   large to be read for this; from the engine.
   */
  timeRuns(request: RunTimesRequest): Promise<RunTimes>;
  /** Leave-one-out curve. @throws EspalierError `cancelled` after cancel(). */
  score(settings: ScoreSettings, onEvent: (event: ScoreEvent) => void): Promise<ScoreResult>;
  /**
   * Windows of a restored curve: makes `plan` possible without scoring again.
   * Weights are loaded, and the original runs, when the first plan is measured.
   * @param budgetBytes memory budget of plans; by default that of the last job
   */
  useWindows(
    windows: number[][],
    device: 'auto' | BrowserDeviceKind,
    budgetBytes?: number,
  ): Promise<void>;
  /**
   * Identifies the open model: hashes of its graph and of samples of its weights (reads at most
   * 4 MiB of them).
   */
  identity(): Promise<Identity>;
  /**
   * PPL with the units removed, on the windows of the last `score` or `useWindows`. A newer call
   * cancels an older one.
   * @param healing id of a healing of this plan: then with the weights that it has changed
   * @param quantised id of a quantisation of this plan and healing: then by the bytes that an
   *   export with it writes
   */
  plan(
    removed: Unit[],
    onEvent: (progress: Progress) => void,
    healing?: string,
    quantised?: string,
  ): Promise<PlanResult>;
  /**
   * Leave-one-out over the sublayers, on the windows of the last score or useWindows, or
   * those of the settings. @throws EspalierError as `score`.
   */
  scoreSublayers(
    settings: ScoreSettings,
    onEvent: (event: SublayersEvent) => void,
  ): Promise<SublayersResult>;
  /**
   * The source of one or several criteria; on the windows of the settings where it needs windows.
   * @throws EspalierError `cancelled`; as `score`, or for weights `missing-file` and
   *   `unsupported-op` for a quantisation that cannot be undone.
   */
  measureSource<S extends MeasuredSource>(
    source: S,
    settings: ScoreSettings,
    onEvent: (progress: Progress) => void,
  ): Promise<SourceResult<S>>;
  /**
   * Iterative PPL; when it is cancelled, events have reported the steps so far.
   * @throws EspalierError as `score`.
   */
  search(request: SearchRequest, onEvent: (event: SearchEvent) => void): Promise<SearchResult>;
  /** Pauses the running search, training, quantisation or tasks between two runs, or lets go on. */
  pause(on: boolean): Promise<void>;
  /**
   * Perplexity of original and plan on another text; when it is cancelled, events have reported the
   * partial result.
   */
  evaluate(
    request: PageEvaluateRequest,
    onEvent: (event: EvaluateEvent) => void,
  ): Promise<EvaluateResult>;
  /**
   * Counts the tokens of a text; a newer call cancels an older one.
   * @throws EspalierError `tokenizer`, `cancelled`
   */
  countTokens(text: string): Promise<TokenCount>;
  /** Jobs on the open model that were interrupted, newest first. */
  interrupted(): Promise<Interrupted[]>;
  /** Forgets an interrupted job. */
  forget(key: string): Promise<void>;
  /** What an export writes after these steps, for `planSize`. @throws EspalierError as `export` */
  writtenSizes(steps: readonly StepChoice[]): Promise<WrittenSizes>;
  /** Writes the pruned folder, then re-opens what was written in a fresh worker and compares. */
  export(request: ExportRequest, onEvent: (progress: Progress) => void): Promise<ExportResult>;
  /** Frees weights and hidden states on the device; what needs them next loads them again. */
  release(): Promise<void>;
  /** Stops the running job within 2 s. */
  cancel(): Promise<void>;
}

/** Calls of the studio worker: every method of `StudioApi`. */
export const METHODS = {
  open: {},
  device: {},
  deviceChoice: { waits: true },
  chooseDevice: { job: true },
  memory: {},
  gradientMemory: {},
  timeRuns: { job: true },
  score: { job: true },
  useWindows: {},
  identity: {},
  plan: { job: true },
  scoreSublayers: { job: true },
  measureSource: { job: true },
  search: { job: true },
  pause: {},
  estimateHealing: { job: true },
  heal: { job: true },
  refit: { job: true },
  controlHealing: { job: true },
  stopHealing: {},
  healings: {},
  healing: {},
  measureForms: { job: true },
  adapterObstacle: {},
  saveAdapter: {},
  forgetHealing: {},
  forgetHealingsOf: {},
  estimateQuantise: { job: true },
  quantise: { job: true },
  quantisations: {},
  quantisation: {},
  forgetQuantisation: {},
  forgetQuantisationsOf: {},
  loadTasks: {},
  loadBuiltInTasks: {},
  forgetTasks: {},
  taskRows: {},
  estimateTasks: {},
  scoreTasks: { job: true },
  width: { job: true },
  evaluate: { job: true },
  countTokens: {},
  interrupted: {},
  forget: {},
  writtenSizes: {},
  export: { job: true },
  release: {},
  cancel: {},
} as const satisfies Methods<StudioApi>;
