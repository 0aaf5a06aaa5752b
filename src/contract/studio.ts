// The studio worker as the page sees it: one model open at a time.

import type { Identity } from '../model/export/identity.ts';
import type { StepChoice } from '../model/export/steps.ts';
import type { WrittenSizes } from '../model/open/size.ts';
import type { Unit } from '../units.ts';
import type { HiddenCriteria, Magnitudes } from './criteria.ts';
import type { DeviceKind, DeviceReport } from './device.ts';
import type { EvaluateEvent, EvaluateRequest, EvaluateResult } from './evaluate.ts';
import type { ExportRequest, ExportResult } from './export.ts';
import type { Interrupted } from './interrupted.ts';
import type { Methods } from './methods.ts';
import type { OpenRequest, OpenResult } from './open.ts';
import type { PlanResult } from './plan.ts';
import type { Progress } from './progress.ts';
import type {
  MemoryEstimate,
  ScoreEvent,
  ScoreResult,
  ScoreSettings,
  SublayersEvent,
  SublayersResult,
} from './score.ts';
import type { SearchEvent, SearchRequest, SearchResult } from './search.ts';

export interface StudioApi {
  /**
   * Reads structure only. Replaces the model that was open, unless it fails: then the old one
   * stays.
   */
  open(request: OpenRequest, onEvent: (progress: Progress) => void): Promise<OpenResult>;
  /** Looks for a GPU and runs the self-test once per adapter; later calls answer at once. */
  device(): Promise<DeviceReport>;
  memory(settings: ScoreSettings): Promise<MemoryEstimate>;
  /** Leave-one-out curve. @throws EspalierError `cancelled` after cancel(). */
  score(settings: ScoreSettings, onEvent: (event: ScoreEvent) => void): Promise<ScoreResult>;
  /**
   * Windows of a restored curve: makes `plan` possible without scoring again.
   * Weights and the intact pass are loaded when the first plan is measured.
   * @param budgetBytes what plans may take; by default what the last job might
   */
  useWindows(windows: number[][], device: 'auto' | DeviceKind, budgetBytes?: number): Promise<void>;
  /**
   * What makes the open model recognisable: hashes of its graph and of samples of its weights
   * (reads at most 4 MiB of them).
   */
  identity(): Promise<Identity>;
  /**
   * PPL with the given blocks removed, on the windows of the last score or useWindows call. A newer
   * call cancels an older one.
   */
  plan(removed: Unit[], onEvent: (progress: Progress) => void): Promise<PlanResult>;
  /**
   * Leave-one-out over the parts of the blocks, on the windows of the last score or useWindows, or
   * those of the settings. @throws EspalierError as `score`.
   */
  scoreSublayers(
    settings: ScoreSettings,
    onEvent: (event: SublayersEvent) => void,
  ): Promise<SublayersResult>;
  /**
   * Reads every weight byte of the blocks once, in bounded memory. @throws EspalierError
   * `cancelled`, `missing-file`, `unsupported-op` for a quantisation that cannot be undone.
   */
  magnitudes(onEvent: (progress: Progress) => void): Promise<Magnitudes>;
  /** The criteria of the intact pass, for a curve that came without them. */
  hiddenCriteria(
    settings: ScoreSettings,
    onEvent: (progress: Progress) => void,
  ): Promise<HiddenCriteria>;
  /**
   * Iterative PPL. Cancelled, the steps so far were told by events. @throws EspalierError as
   * `score`.
   */
  search(request: SearchRequest, onEvent: (event: SearchEvent) => void): Promise<SearchResult>;
  /** Holds the running search between two runs, or lets it go on. */
  pause(on: boolean): Promise<void>;
  /**
   * Perplexity of original and plan on another text. Cancelled, the partial result was told by
   * events.
   */
  evaluate(
    request: EvaluateRequest,
    onEvent: (event: EvaluateEvent) => void,
  ): Promise<EvaluateResult>;
  /** Jobs on the open model that were interrupted, newest first. */
  interrupted(): Promise<Interrupted[]>;
  /** Forgets an interrupted job. */
  forget(key: string): Promise<void>;
  /** What an export writes after these steps, for `planSize`. @throws EspalierError as `export` */
  writtenSizes(steps: readonly StepChoice[]): Promise<WrittenSizes>;
  /** Writes the pruned folder, then re-opens what was written in a fresh worker and compares. */
  export(request: ExportRequest, onEvent: (progress: Progress) => void): Promise<ExportResult>;
  /** Gives weights and hidden states back to the device; what needs them next loads them again. */
  release(): Promise<void>;
  /** Stops the running job within 2 s. */
  cancel(): Promise<void>;
}

/** Calls of the studio worker: every method of `StudioApi`. */
export const METHODS = {
  open: {},
  device: {},
  memory: {},
  score: { job: true },
  useWindows: {},
  identity: {},
  plan: { job: true },
  scoreSublayers: { job: true },
  magnitudes: { job: true },
  hiddenCriteria: { job: true },
  search: { job: true },
  pause: {},
  evaluate: { job: true },
  interrupted: {},
  forget: {},
  writtenSizes: {},
  export: { job: true },
  release: {},
  cancel: {},
} as const satisfies Methods<StudioApi>;
