// What the page knows of healing: what to do, what runs, what came of it, which healings are kept,
// and the switch that refits each settled plan.

import type {
  HealData,
  HealEstimate,
  HealingShelf,
  HealMethod,
  HealRequest,
  HealText,
  KeptHealing,
  RefitSettings,
  TrainSettings,
} from '../../contract/heal.ts';
import {
  HELD_OUT,
  PAPER_RECIPE,
  REFIT_DEFAULTS,
  TRAIN_DEFAULTS,
} from '../../contract/healDefaults.ts';
import type { Progress } from '../../contract/progress.ts';
import type { ErrorReport } from '../../errors.ts';
import { either, flag, listOf, mapOf, number, oneOf, orNull, shape, text } from '../kept/form.ts';
import { joinMaps } from '../kept/part.ts';
import type { Slice } from '../slice.ts';

/** What a healing is to do, as typed. */
export interface HealForm {
  /** A refit may go before a training; LoRA and full training exclude each other. */
  methods: readonly HealMethod[];
  refit: Omit<RefitSettings, 'method'>;
  /** Of LoRA and full training alike. */
  train: Omit<TrainSettings, 'method'>;
  data: HealData;
}

/** Steps of a training as they were reported. */
export interface TrainingCurve {
  losses: readonly { step: number; loss: number; norm?: number; rate?: number }[];
  /** On the held-out part; step 0 is before any training. */
  heldOut: readonly { step: number; loss: number }[];
  steps: number;
}

export interface RunningHeal extends TrainingCurve {
  /** Null for a control: its request is the worker's. */
  request: HealRequest | null;
  /** Id of the healing whose control runs. */
  controlOf: string | null;
  notes: readonly string[];
  /** It was asked to end early and to keep the best state. */
  stopping: boolean;
}

export interface HealSlice {
  form: HealForm;
  running: RunningHeal | null;
  paused: boolean;
  progress: Progress | null;
  /** Id of the healing that is shown as the result, of whichever plan; null before any. */
  shown: string | null;
  /** What is kept for the model; null until it was read. */
  shelf: HealingShelf | null;
  /** What the form would take, and of which request; `error` where it cannot be done. */
  estimate: {
    key: string;
    value: HealEstimate | null;
    error: ErrorReport | null;
  } | null;
  /** Key of the request that is being estimated. */
  estimating: string | null;
  /** Each settled plan is refitted by itself. */
  refits: boolean;
  /** The refit of the plan by the switch; null while nothing is to be said. */
  refit: PlanRefit | null;
  /** What refits by the switch have come to: by `healKey`, the healing, or null where it rose. */
  refitted: ReadonlyMap<string, string | null>;
}

export interface PlanRefit {
  /** As `healKey` makes it. */
  key: string;
  /**
   * `asks`: it takes so long that it does not start by itself; `waits`: something else needed the
   * engine; `rose`: the loss has risen on what it has not seen, so the plan keeps its weights.
   */
  state: 'runs' | 'waits' | 'asks' | 'done' | 'rose' | 'failed';
  /** What it takes; null while that is not known. */
  seconds: number | null;
  /** Why it asks, was not used or failed; '' otherwise. */
  words: string;
  progress: Progress | null;
}

const { method: _refit, ...refit } = REFIT_DEFAULTS;
const { method: _train, ...train } = TRAIN_DEFAULTS;
const { method: _paper, epochs: _epochs, ...paper } = PAPER_RECIPE;

/** What the page offers first: a refit on a text that comes with it takes seconds. */
const FIRST_FORM: HealForm = {
  methods: ['refit'],
  refit,
  train,
  data: { text: { kind: 'bundled' }, heldOut: HELD_OUT.training, foreign: { kind: 'bundled' } },
};

/** Settings under a name. */
export interface HealPreset {
  id: 'tab' | 'paper';
  methods: readonly HealMethod[];
  train: Omit<TrainSettings, 'method'>;
}

/** The paper's recipe for instructions (Alpaca), beside the settings for a tab. */
export const PRESETS: readonly HealPreset[] = [
  { id: 'tab', methods: ['lora'], train },
  { id: 'paper', methods: ['lora'], train: paper },
];

const first: HealSlice = {
  form: FIRST_FORM,
  running: null,
  paused: false,
  progress: null,
  shown: null,
  shelf: null,
  estimate: null,
  estimating: null,
  refits: false,
  refit: null,
  refitted: new Map(),
};

const idle = { running: null, paused: false, progress: null, estimating: null, refit: null };

type Given<K> = Extract<HealText, { kind: K }>;

const plain = either(
  shape<Given<'bundled'>>({ kind: oneOf('bundled') }),
  shape<Given<'text'>>({ kind: oneOf('text'), name: text, text }),
);
const instructions = shape<Given<'instructions'>>({
  kind: oneOf('instructions'),
  name: text,
  text,
});

const form = shape<HealForm>({
  methods: listOf(oneOf('refit', 'lora', 'full')),
  refit: shape<HealForm['refit']>({
    all: flag,
    ridge: number,
    samples: orNull(number),
    length: number,
    sampler: oneOf('even', 'random'),
    seed: number,
  }),
  train: shape<HealForm['train']>({
    kl: number,
    steps: number,
    batch: number,
    length: number,
    rate: number,
    warmup: number,
    schedule: oneOf('cosine', 'constant'),
    weightDecay: number,
    maxNorm: orNull(number),
    seed: number,
    order: oneOf('given', 'shuffled'),
    heldOutEvery: number,
    rank: number,
    alpha: number,
    dropout: number,
    matrices: oneOf('fused', 'split'),
    blocks: number,
    norms: flag,
    head: flag,
  }),
  data: shape<HealForm['data']>({
    text: either(plain, instructions),
    heldOut: number,
    foreign: orNull(plain),
  }),
});

/** A longer text is not kept with the form: the bundled one takes its place. */
const MOST_TEXT = 4e6;

function packed(all: HealForm): HealForm {
  const { text: own, foreign } = all.data;
  const isLong = (one: object | null) =>
    one !== null && 'text' in one && String(one.text).length > MOST_TEXT;
  return {
    ...all,
    data: {
      ...all.data,
      text: isLong(own) ? { kind: 'bundled' } : own,
      foreign: isLong(foreign) ? { kind: 'bundled' } : foreign,
    },
  };
}

export const HEAL: Slice<HealSlice> = {
  first,
  keep: (slice, opened) =>
    opened === 'same-model'
      ? { ...slice, ...idle }
      : { ...first, form: slice.form, refits: slice.refits },
  // The healings themselves are kept by the worker.
  kept: {
    version: 1,
    isMeasured: false,
    fields: {
      form: { is: form, pack: packed },
      refits: { is: flag },
      shown: { is: orNull(text) },
      refitted: { is: mapOf(orNull(text)), join: joinMaps },
    },
    count: ({ refitted }) => refitted?.size ?? 0,
  },
};

/** The healing of the shelf with this id. */
export const healingOf = (
  { shelf }: Pick<HealSlice, 'shelf'>,
  id: string | null | undefined,
): KeptHealing | null => (id && shelf?.healings.find((one) => one.id === id)) || null;
