// The shape of the one store: each field with one plain sentence. Types and the first state only.

import { GREEDY, type Sampling } from '../analysis/sampling.ts';
import type { DeviceKind, DeviceReport } from '../contract/device.ts';
import type { ExportResult } from '../contract/export.ts';
import type { Side } from '../contract/generate.ts';
import type { Interrupted } from '../contract/interrupted.ts';
import type { FolderSource } from '../contract/open.ts';
import type { PlanResult } from '../contract/plan.ts';
import type { Progress } from '../contract/progress.ts';
import type {
  BlockScore,
  Measure,
  MemoryEstimate,
  ScoreResult,
  ScoreSettings,
  SublayerScore,
  SublayersResult,
} from '../contract/score.ts';
import type { SearchRequest, SearchResult, SearchStep } from '../contract/search.ts';
import type { MeasureResult, SpeedSettings, SweepResult, Which } from '../contract/speed.ts';
import type { EncodedPrompt, VariantInfo } from '../contract/variant.ts';
import type { ErrorReport } from '../errors.ts';
import type { ExportDtype } from '../model/export/steps.ts';
import type { WrittenSizes } from '../model/open/size.ts';
import type { GraphChoice, ModelSummary } from '../model/open/summary.ts';
import type { Unit } from '../units.ts';
import {
  type CriteriaSlice,
  NO_CRITERIA,
  NO_STABILITY,
  type StabilitySlice,
} from './criteria/state.ts';
import { type EvaluateSlice, NO_EVALUATE } from './evaluate/state.ts';
import type { Restored } from './export/provenance.ts';
import { type InteropSlice, NO_INTEROP } from './interop/state.ts';
import { type PlanHistory, startHistory } from './plan/plan.ts';

/** What an error belongs to, and so where it is shown. */
export type Place =
  | 'open'
  | 'device'
  | 'score'
  | 'parts'
  | 'criteria'
  | 'stability'
  | 'search'
  | 'plan'
  | 'export'
  | 'restore'
  | 'speed'
  | 'budget'
  | 'evaluate'
  | 'interop'
  | 'generate';

export interface OpenModel {
  source: FolderSource;
  summary: ModelSummary;
  hasTokenizer: boolean;
  /** State of its chat template, an error in the template's own words. */
  chat: VariantInfo['chat'];
  /** Graphs of the folder when it has several, so that another one can be chosen. */
  graphs: readonly GraphChoice[];
  /** What the folder was made from, when it is an export of ours. */
  madeFrom: Restored | null;
}

/** A curve while it grows. */
export interface GrowingCurve {
  /** Settings of the run; those of the page may change meanwhile. */
  settings: ScoreSettings;
  device: { kind: DeviceKind; name: string } | null;
  windows: number;
  baseline: Measure | null;
  blocks: readonly BlockScore[];
  notes: readonly string[];
}

/** Scores of parts while they come. */
export interface GrowingSublayers {
  baseline: Measure | null;
  parts: readonly SublayerScore[];
  notes: readonly string[];
}

/** What an iterative search is to do, as typed; it ends at whichever comes first. */
export interface SearchForm {
  /** Blocks to remove, at most; null = all that may go. */
  count: number | null;
  /** Perplexity that must not be passed; null = no bound. */
  maxPpl: number | null;
  /** Goes on from the plan instead of from the whole model. */
  fromPlan: boolean;
}

/** An iterative search, whole or as far as it came. */
export interface SearchPath {
  request: SearchRequest;
  /** Key of its settings. */
  settingsKey: string;
  /** Null while unknown: it was asked for without a curve and has not ended. */
  windows: number[][] | null;
  device: { kind: DeviceKind; name: string } | null;
  /** Before anything was removed. */
  baseline: Measure | null;
  steps: readonly SearchStep[];
  /** Steps that an earlier, interrupted run had done. */
  resumedSteps: number;
  /** Candidates of the step that runs, as they were scored. */
  candidates: readonly { block: number; nll: number }[];
  notes: readonly string[];
  /** How it ended; null while it runs. */
  ended: SearchResult['stoppedBy'] | 'cancelled' | 'failed' | null;
  seconds: number | null;
  costRatio: number | null;
}

interface Curve {
  /** Counts up with every curve: results that belong to it carry it in their key. */
  id: number;
  result: ScoreResult;
  /** Key of the settings it was asked with. */
  settingsKey: string;
  /** True when it was read from an espalier.json. */
  restored: boolean;
  /** What the engine remarked while it ran: fewer windows than asked, another device, rewrites. */
  notes: readonly string[];
}

/** A finished measurement with what it belongs to. */
export interface Measured {
  /** Of plan, settings and device, as `speedKey` makes it. */
  key: string;
  removed: readonly Unit[];
  /** The precision in which the plan was written; absent for the source's. */
  dtype?: ExportDtype;
  result: MeasureResult;
  /**
   * Tokens/s that earlier measurements of other plans foretold for this one, or null when they
   * could not.
   */
  predicted: number | null;
}

/** A measurement under way. */
export interface Measuring {
  key: string;
  removed: readonly Unit[];
  dtype?: ExportDtype;
  settings: SpeedSettings;
  /** Started by itself: gives way to everything else. */
  auto: boolean;
  loaded: { readonly [W in Which]?: VariantInfo };
  /** Throughput of the timed runs so far, tokens/s. */
  samples: { readonly [W in Which]: readonly number[] };
}

/** A finished batch sweep with what it belongs to. */
export interface Swept {
  key: string;
  removed: readonly Unit[];
  result: SweepResult;
}

/** A message and the answer that the conversation goes on from. */
export interface Exchange {
  /** Counts up within a conversation. */
  id: number;
  user: string;
  assistant: string;
  /** Whose answer it is. */
  which: Which;
}

/** What is to be generated, as typed. */
export interface GenerateForm {
  /**
   * `chat` goes through the model's template; `ids` are token ids, for models without a tokenizer.
   */
  mode: 'raw' | 'chat' | 'ids';
  prompt: string;
  /** System text of a chat; empty: the template's own default. */
  system: string;
  /** What was said before the prompt, in a chat. */
  turns: readonly Exchange[];
  /** Token ids as typed, separated by commas or blanks. */
  ids: string;
  /** Most new tokens. */
  tokens: number;
  sampling: Sampling;
  stopAtEos: boolean;
}

/** A generation, whole or as far as it came. */
export interface Generated {
  removed: readonly Unit[];
  form: GenerateForm;
  /** What the prompt was taken for. */
  mode: GenerateForm['mode'];
  /** What the prompt was turned into; null until it is. */
  prompt: EncodedPrompt | null;
  sides: { readonly [W in Which]?: Side };
  errors: { readonly [W in Which]?: ErrorReport };
  notes: readonly string[];
  /** Ended by hand. */
  stopped: boolean;
}

/**
 * What a plan must reach: tokens/s at least, or bytes at most, of the exported files or on the
 * device.
 */
export type BudgetKind = 'speed' | 'file' | 'device';

/** One plan that the search looked at: estimated, then measured. */
export interface BudgetStep {
  /** Number of blocks left out. */
  blocks: number;
  /** In the goal's unit (tokens/s or bytes), or null where nothing is known yet. */
  estimated: number | null;
  measured: number | null;
  meets: boolean | null;
}

export type Dialog = 'settings' | 'export' | 'interop' | 'help' | 'device' | null;

export interface StudioState {
  model: {
    current: OpenModel | null;
    /** Name of the folder that is being read, or null. */
    opening: string | null;
    /** How far its graph is read, in bytes; null until that is known. */
    progress: Progress | null;
    /** A folder with several graphs waits for a choice. */
    chooser: { source: FolderSource; name: string; graphs: readonly GraphChoice[] } | null;
  };
  device: { report: DeviceReport | null; checking: boolean };
  score: {
    settings: ScoreSettings;
    /** What scoring would need with these settings, or null while unknown. */
    memory: MemoryEstimate | null;
    running: GrowingCurve | null;
    /**
     * What the last run had measured when it was stopped or failed, while there is no whole curve;
     * only to look at.
     */
    stopped: GrowingCurve | null;
    progress: Progress | null;
    cancelling: boolean;
    curve: Curve | null;
  };
  parts: {
    /** What the importance chart shows and "drop the lowest" takes: blocks or their parts. */
    view: 'blocks' | 'parts';
    running: GrowingSublayers | null;
    progress: Progress | null;
    /** Shown beside the curve of the same windows only. */
    result: SublayersResult | null;
  };
  criteria: CriteriaSlice;
  stability: StabilitySlice;
  search: {
    form: SearchForm;
    running: boolean;
    paused: boolean;
    progress: Progress | null;
    /** The last search, or the one that runs. */
    path: SearchPath | null;
    /** Plans of one-shot paths that are being measured. */
    measuring: { done: number; total: number } | null;
    /** Plans measured for paths, by the key that `effectKey` gives them. */
    measured: ReadonlyMap<string, PlanResult>;
  };
  evaluate: EvaluateSlice;
  interop: InteropSlice;
  /** Long jobs on the open model that did not come to their end. */
  interrupted: { jobs: readonly Interrupted[] };
  plan: PlanHistory & {
    /** Why the last "drop the k lowest" was refused, or ''. */
    refusal: string;
  };
  effect: {
    /** Key of the plan whose perplexity was asked for, or null. */
    asked: string | null;
    /** Key and result that are shown; stale when the keys differ. */
    shown: { key: string; result: PlanResult } | null;
    progress: Progress | null;
    /** Measured plans of the current curve by key: going back costs nothing. */
    known: ReadonlyMap<string, PlanResult>;
  };
  speed: {
    /**
     * A settled plan is quick-measured by itself; null while nobody has said so: then the model's
     * size decides.
     */
    auto: boolean | null;
    running: Measuring | null;
    progress: Progress | null;
    /** What the meter remarked during the job that runs. */
    notes: readonly string[];
    /** Measurements of this model by key, oldest first. */
    known: ReadonlyMap<string, Measured>;
    /** What the cards show; of another plan when its `removed` differ from the plan's. */
    shown: Measured | null;
    sweep: { running: { removed: readonly Unit[] } | null; shown: Swept | null };
  };
  budget: {
    kind: BudgetKind;
    /** Tokens/s or bytes; null while nothing is typed. */
    goal: number | null;
    running: boolean;
    steps: readonly BudgetStep[];
    /** How the last search ended, in words; '' before. */
    verdict: string;
  };
  generate: {
    form: GenerateForm;
    running: boolean;
    /** Of loading; null while tokens come. */
    progress: Progress | null;
    /**
     * The last generation, or the one that runs; of another plan when its `removed` differ from the
     * plan's.
     */
    shown: Generated | null;
  };
  variants: {
    /** Names given by hand, by plan (its removed blocks joined by commas). */
    names: ReadonlyMap<string, string>;
    /** Plans kept as rows although nothing is measured yet. */
    kept: ReadonlySet<string>;
    /** Plans that are not listed. */
    hidden: ReadonlySet<string>;
    /** Plans that are compared: the last two that were pinned. */
    pinned: readonly string[];
  };
  export: {
    running: boolean;
    progress: Progress | null;
    removed: readonly Unit[];
    result: ExportResult | null;
    target: 'folder' | 'zip';
    /** The precision to write in; null for the source's. */
    dtype: ExportDtype | null;
    /** What exports in a precision write, as far as it was asked. */
    sizes: { dtype: ExportDtype; written: WrittenSizes } | null;
  };
  view: {
    /** Block under the pointer or the focus, in all three views. */
    hover: number | null;
    dialog: Dialog;
    /** A text that was dropped and waits to be told what it is for. */
    dropped: { name: string; text: string } | null;
    /** Single letters run commands; can be switched off for speech input. */
    singleKeys: boolean;
    /**
     * A notification tells of the end of a long job while the page is hidden; the browser may still
     * refuse.
     */
    notify: boolean;
    /** Last thing to be read aloud. */
    announcement: string;
    /** A short message that goes away by itself; counted so that equal ones show twice. */
    toast: { id: number; text: string } | null;
  };
  errors: { readonly [P in Place]?: ErrorReport };
}

const DEFAULT_SETTINGS: ScoreSettings = {
  text: { kind: 'bundled' },
  samples: 10,
  length: 128,
  sampler: 'even',
  seed: 0,
  bos: null,
  device: 'auto',
};

export const NO_EFFECT: StudioState['effect'] = {
  asked: null,
  shown: null,
  progress: null,
  known: new Map(),
};
export const NO_EXPORT: StudioState['export'] = {
  running: false,
  progress: null,
  removed: [],
  result: null,
  target: 'folder',
  dtype: null,
  sizes: null,
};

const NO_PARTS: StudioState['parts'] = {
  view: 'blocks',
  running: null,
  progress: null,
  result: null,
};
const NO_SEARCH: StudioState['search'] = {
  form: { count: 4, maxPpl: null, fromPlan: false },
  running: false,
  paused: false,
  progress: null,
  path: null,
  measuring: null,
  measured: new Map(),
};
const NO_SPEED: StudioState['speed'] = {
  auto: null,
  running: null,
  progress: null,
  notes: [],
  known: new Map(),
  shown: null,
  sweep: { running: null, shown: null },
};
const FORM: GenerateForm = {
  mode: 'raw',
  prompt: 'It was a fine morning, and Anne',
  system: '',
  turns: [],
  ids: '1, 2, 3',
  tokens: 64,
  sampling: GREEDY,
  stopAtEos: true,
};
const NO_GENERATE: StudioState['generate'] = {
  form: FORM,
  running: false,
  progress: null,
  shown: null,
};
const NO_VARIANTS: StudioState['variants'] = {
  names: new Map(),
  kept: new Set(),
  hidden: new Set(),
  pinned: [],
};
const NO_BUDGET: StudioState['budget'] = {
  kind: 'speed',
  goal: null,
  running: false,
  steps: [],
  verdict: '',
};

export function firstState(): StudioState {
  return {
    model: { current: null, opening: null, progress: null, chooser: null },
    device: { report: null, checking: false },
    score: {
      settings: DEFAULT_SETTINGS,
      memory: null,
      running: null,
      stopped: null,
      progress: null,
      cancelling: false,
      curve: null,
    },
    parts: NO_PARTS,
    criteria: NO_CRITERIA,
    stability: NO_STABILITY,
    search: NO_SEARCH,
    evaluate: NO_EVALUATE,
    interop: NO_INTEROP,
    interrupted: { jobs: [] },
    plan: { ...startHistory(), refusal: '' },
    effect: NO_EFFECT,
    speed: NO_SPEED,
    budget: NO_BUDGET,
    generate: NO_GENERATE,
    variants: NO_VARIANTS,
    export: NO_EXPORT,
    view: {
      hover: null,
      dialog: null,
      dropped: null,
      singleKeys: true,
      notify: false,
      announcement: '',
      toast: null,
    },
    errors: {},
  };
}
