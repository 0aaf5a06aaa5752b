// The options of `heal`, and the settings that follow from them.

import type {
  HealMethod,
  HealSettings,
  RefitSettings,
  TrainSettings,
} from '../../contract/heal.ts';
import {
  defaultRate,
  HELD_OUT,
  MOST_RANK,
  MOST_SEED,
  PAPER_RECIPE,
  REFIT_ALL_RIDGE,
  REFIT_DEFAULTS,
  TRAIN_DEFAULTS,
} from '../../contract/healDefaults.ts';
import { decimal, UsageError, wholeNumber } from '../args.ts';
import type { Options, Values } from '../options.ts';

const METHODS: readonly HealMethod[] = ['refit', 'lora', 'full'];

/** What a refit is asked for. */
const REFIT_OPTIONS = {
  samples: {
    type: 'text',
    value: 'n',
    help: `windows of a refit, or "all"; by default ${REFIT_DEFAULTS.samples}`,
  },
  sampler: {
    type: 'choice',
    value: 'name',
    choices: ['even', 'random'],
    default: REFIT_DEFAULTS.sampler,
    help: 'where windows of a refit begin in the text',
  },
  'refit-all': {
    type: 'flag',
    help: 'refit every kept block behind the first removal, not the last before each run alone',
  },
  ridge: {
    type: 'decimal',
    value: 'share',
    help:
      'how much a refit holds on to the weights that were there; by default ' +
      `${REFIT_DEFAULTS.ridge}, with --refit-all ${REFIT_ALL_RIDGE}`,
  },
} as const satisfies Options;

const by = (value: number | string): string => `by default ${value}`;

/** What a training is asked for. */
const TRAIN_OPTIONS = {
  preset: {
    type: 'choice',
    value: 'name',
    choices: ['paper'],
    help:
      'the recipe of Shortened LLaMA for rows of Alpaca, where options do not say otherwise: ' +
      'two epochs of LoRA on the answers',
  },
  loss: {
    type: 'text',
    value: 'name',
    help:
      'kl: divergence from the original (the default); nll: the next token; or the share of kl ' +
      'in both, such as 0.5',
  },
  steps: { type: 'whole', min: 1, value: 'n', help: `steps; ${by(TRAIN_DEFAULTS.steps)}` },
  batch: {
    type: 'whole',
    min: 1,
    value: 'n',
    help: `sequences of a step; ${by(TRAIN_DEFAULTS.batch)}`,
  },
  lr: {
    type: 'decimal',
    value: 'rate',
    help: 'highest learning rate; by default 0.002 to 0.0002, less for larger models',
  },
  warmup: {
    type: 'whole',
    min: 0,
    value: 'steps',
    help: `steps until the highest rate; ${by(TRAIN_DEFAULTS.warmup)}`,
  },
  schedule: {
    type: 'choice',
    value: 'name',
    choices: ['cosine', 'constant'],
    help: `the rate after that; ${by(TRAIN_DEFAULTS.schedule)}`,
  },
  'weight-decay': {
    type: 'decimal',
    value: 'share',
    help: `of AdamW; ${by(TRAIN_DEFAULTS.weightDecay)}`,
  },
  'max-norm': {
    type: 'decimal',
    value: 'norm',
    help: `gradients are clipped to this norm, 0 for never; ${by(TRAIN_DEFAULTS.maxNorm ?? 0)}`,
  },
  order: {
    type: 'choice',
    value: 'name',
    choices: ['given', 'shuffled'],
    help: `sequences as the text has them, or drawn from all of it; ${by(TRAIN_DEFAULTS.order)}`,
  },
  'held-out-every': {
    type: 'whole',
    min: 1,
    value: 'steps',
    help: `steps between looks at the held-out part; ${by(TRAIN_DEFAULTS.heldOutEvery)}`,
  },
} as const satisfies Options;

/** What LoRA is asked for beside it. */
const LORA_OPTIONS = {
  rank: {
    type: 'whole',
    min: 1,
    max: MOST_RANK,
    value: 'r',
    help: `rank of the adapters of LoRA; ${by(TRAIN_DEFAULTS.rank)}`,
  },
  alpha: {
    type: 'decimal',
    value: 'a',
    help: `adapters count alpha / rank times; ${by(TRAIN_DEFAULTS.alpha)}`,
  },
  dropout: {
    type: 'decimal',
    value: 'share',
    help: `of the inputs of adapters; ${by(TRAIN_DEFAULTS.dropout)}`,
  },
  matrices: {
    type: 'choice',
    value: 'name',
    choices: ['fused', 'split'],
    help:
      'adapters of fused query, key and value: one, or one each as PEFT has them; ' +
      by(TRAIN_DEFAULTS.matrices),
  },
} as const satisfies Options;

/** What a training of full weights is asked for beside it. */
const FULL_OPTIONS = {
  'last-blocks': {
    type: 'whole',
    min: 0,
    value: 'n',
    help: `of full: so many of the last kept blocks are trained; ${by(TRAIN_DEFAULTS.blocks)}`,
  },
  'no-norms': { type: 'flag', help: 'of full: leave norms as they are' },
  head: { type: 'flag', help: 'of full: train the head, too' },
} as const satisfies Options;

/** What is done, and how. */
export const HEAL_OPTIONS = {
  method: {
    type: 'text',
    value: 'name',
    default: 'refit',
    help:
      'refit (least squares, no gradients), lora (adapters, merged), full (stored weights), or ' +
      'refit,lora and refit,full, one after the other',
  },
  length: {
    type: 'whole',
    min: 2,
    value: 'tokens',
    help: `length of windows and sequences; ${by(TRAIN_DEFAULTS.length)}`,
  },
  seed: {
    type: 'whole',
    min: 0,
    max: MOST_SEED,
    default: TRAIN_DEFAULTS.seed,
    value: 'n',
    help: 'of adapters, orders, samples and dropout',
  },
  'held-out': {
    type: 'decimal',
    value: 'share',
    help:
      'share of the text, at its end, that is not seen and measured; by default ' +
      `${HELD_OUT.training}, ${HELD_OUT.refit} for a refit alone`,
  },
  ...REFIT_OPTIONS,
  ...TRAIN_OPTIONS,
  ...LORA_OPTIONS,
  ...FULL_OPTIONS,
} as const satisfies Options;

/** Options that one method alone takes. */
const OWN_OPTIONS = {
  refit: REFIT_OPTIONS,
  lora: LORA_OPTIONS,
  full: FULL_OPTIONS,
} as const satisfies Record<HealMethod, Options>;

type HealValues = Values<typeof HEAL_OPTIONS>;

/** The methods of `--method`. @throws UsageError */
export function methodsOf(text: string): HealMethod[] {
  const words = text.split(',').map((word) => word.trim());
  const methods = words.map((word) => {
    const found = METHODS.find((method) => method === word);
    if (!found)
      throw new UsageError(
        `--method is one of ${METHODS.join(', ')}, or refit,lora; not "${word}".`,
      );
    return found;
  });
  const [first, second, third] = methods;
  if (second === undefined || (first === 'refit' && second !== 'refit' && third === undefined))
    return methods;
  throw new UsageError(
    `--method takes one method, or refit and one training after it; not "${text}".`,
  );
}

/** The share that is held out. @throws UsageError */
export function heldOutOf(
  { 'held-out': share }: HealValues,
  methods: readonly HealMethod[],
): number {
  if (share === undefined)
    return methods.every((method) => method === 'refit') ? HELD_OUT.refit : HELD_OUT.training;
  if (share < 1) return share;
  throw new UsageError(`--held-out takes a share from 0 to below 1, not "${share}".`);
}

/**
 * Settings of every method, in the order of `--method`.
 * @param given names of the options that were given
 * @param params parameters of the model, which decide the rate
 * @param rows of the instructions, which decide how many steps the epochs of a recipe have; null
 *   for other texts
 * @throws UsageError
 */
export function settingsOf(
  values: HealValues,
  given: ReadonlySet<string>,
  { params, rows }: { params: number; rows: number | null },
): HealSettings[] {
  const methods = methodsOf(values.method);
  const trains = methods.some((method) => method !== 'refit');
  const wrongFor = (names: object, method: string): void => {
    const name = Object.keys(names).find((option) => given.has(option));
    if (name !== undefined)
      throw new UsageError(`--${name} belongs to ${method}, which --method does not name.`);
  };
  if (!trains) wrongFor(TRAIN_OPTIONS, 'a training (lora, full)');
  for (const [method, options] of Object.entries(OWN_OPTIONS))
    if (!methods.some((one) => one === method)) wrongFor(options, method);
  return methods.map((method) =>
    method === 'refit' ? refitSettings(values) : trainSettings(method, values, params, rows),
  );
}

function refitSettings(values: HealValues): RefitSettings {
  const { samples, sampler, seed, length, ridge } = values;
  const all = values['refit-all'];
  return {
    ...REFIT_DEFAULTS,
    all,
    ridge: ridge ?? (all ? REFIT_ALL_RIDGE : REFIT_DEFAULTS.ridge),
    samples: samplesOf(samples),
    length: length ?? REFIT_DEFAULTS.length,
    sampler,
    seed,
  };
}

/** null for all. @throws UsageError */
function samplesOf(text: string | undefined): number | null {
  if (text === undefined) return REFIT_DEFAULTS.samples;
  return text === 'all' ? null : wholeNumber(text, 'samples');
}

function trainSettings(
  method: TrainSettings['method'],
  values: HealValues,
  params: number,
  rows: number | null,
): TrainSettings {
  const base: Readonly<TrainSettings> =
    values.preset === 'paper'
      ? recipe(values.batch ?? PAPER_RECIPE.batch, rows)
      : { ...TRAIN_DEFAULTS, rate: defaultRate(method, params) };
  const maxNorm = values['max-norm'] ?? base.maxNorm;
  const dropout = values.dropout ?? base.dropout;
  if (dropout >= 1) throw new UsageError(`--dropout takes a share below 1, not "${dropout}".`);
  const weightDecay = values['weight-decay'] ?? base.weightDecay;
  if (weightDecay >= 1)
    throw new UsageError(`--weight-decay takes a share below 1, not "${weightDecay}".`);
  const alpha = values.alpha ?? base.alpha;
  const rate = values.lr ?? base.rate;
  for (const [name, value] of Object.entries({ alpha, lr: rate }))
    if (!(value > 0)) throw new UsageError(`--${name} takes a number above 0, not "${value}".`);
  return {
    method,
    kl: lossOf(values.loss, base.kl),
    steps: values.steps ?? base.steps,
    batch: values.batch ?? base.batch,
    length: values.length ?? base.length,
    rate,
    warmup: values.warmup ?? base.warmup,
    schedule: values.schedule ?? base.schedule,
    weightDecay,
    maxNorm: maxNorm === 0 ? null : maxNorm,
    seed: values.seed,
    order: values.order ?? base.order,
    heldOutEvery: values['held-out-every'] ?? base.heldOutEvery,
    rank: values.rank ?? base.rank,
    alpha,
    dropout,
    matrices: values.matrices ?? base.matrices,
    blocks: values['last-blocks'] ?? base.blocks,
    norms: !values['no-norms'],
    head: values.head,
  };
}

/** The paper's recipe with the steps that its epochs have over so many rows. */
function recipe(batch: number, rows: number | null): TrainSettings {
  const { epochs, ...settings } = PAPER_RECIPE;
  return rows === null
    ? settings
    : { ...settings, steps: Math.max(1, Math.ceil((epochs * rows) / batch)) };
}

/** The share of KL in the loss. @throws UsageError */
function lossOf(text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  if (text === 'kl') return 1;
  if (text === 'nll') return 0;
  const share = /^[\d.]/.test(text) ? decimal(text, 'loss') : Number.NaN;
  if (share >= 0 && share <= 1) return share;
  throw new UsageError(`--loss is kl, nll, or a share of kl from 0 to 1; not "${text}".`);
}
