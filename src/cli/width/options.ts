// The options of `width`: which method, how much goes, what is measured beside it.

import { QUICK_PROTOCOL } from '../../analysis/speed.ts';
import type { WidthRequest } from '../../contract/comparison/width.ts';
import type { SpeedSettings } from '../../contract/speed.ts';
import { UsageError } from '../args.ts';
import type { Options, Values } from '../options.ts';

export const WIDTH_OPTIONS = {
  method: {
    type: 'choice',
    value: 'name',
    choices: ['wanda-sp', 'flap', 'llm-pruner'],
    required: true,
    help:
      'how key-value groups and channels are scored: weights and norms of what they multiply ' +
      '(wanda-sp), its fluctuation (flap), or weights and gradients (llm-pruner)',
  },
  ratio: {
    type: 'decimal',
    default: 0.2,
    value: 'share',
    help: 'share of groups and channels that goes, as the publications have it',
  },
  weights: {
    type: 'whole',
    min: 1,
    value: 'n',
    help: 'how many weights go, as nearly as widths allow, in place of --ratio',
  },
  like: {
    type: 'units',
    value: 'units',
    help: 'as many weights as this plan removes, which is then what width is compared with',
  },
  multiple: {
    type: 'whole',
    min: 1,
    default: 1,
    value: 'n',
    help: 'the channels that are left are a multiple of this',
  },
  'flap-variance': {
    type: 'choice',
    value: 'form',
    choices: ['formula', 'as-run'],
    default: 'formula',
    help: 'of flap: the variance by its formula, or as its published code computes it',
  },
  alone: { type: 'flag', help: 'compare with no depth plan: the curve of blocks is not computed' },
} as const satisfies Options;

export const WIDTH_SPEED_OPTIONS = {
  speed: {
    type: 'flag',
    help: 'measure speeds of what exports would write: original, depth and width in turn',
  },
  batches: {
    type: 'text',
    default: '1,2,4,8,16,32',
    value: 'sizes',
    help: 'of --speed: sequences of a run',
  },
  tokens: {
    type: 'whole',
    min: 1,
    default: QUICK_PROTOCOL.tokens,
    value: 'n',
    help: 'of --speed: new tokens of a run',
  },
  warmup: {
    type: 'whole',
    min: 0,
    default: QUICK_PROTOCOL.warmup,
    value: 'n',
    help: 'of --speed: runs before the timed ones',
  },
  runs: {
    type: 'whole',
    min: 1,
    default: QUICK_PROTOCOL.runs,
    value: 'n',
    help: 'of --speed: timed runs of each batch size',
  },
} as const satisfies Options;

type WidthValues = Values<typeof WIDTH_OPTIONS>;
type SpeedValues = Values<typeof WIDTH_SPEED_OPTIONS>;

/**
 * How much goes. @param likeWeights weights of the plan of --like; null without one
 * @throws UsageError
 */
export function amountOf(
  { ratio, weights }: WidthValues,
  likeWeights: number | null,
): WidthRequest['amount'] {
  if (likeWeights !== null) return { weights: likeWeights };
  return weights === undefined ? { ratio } : { weights };
}

/** Sees that the options go together. @throws UsageError */
export function checkWidthOptions(
  { method, ratio, alone }: WidthValues,
  given: ReadonlySet<string>,
): void {
  const amounts = ['ratio', 'weights', 'like'].filter((name) => given.has(name));
  if (amounts.length > 1) {
    const both = amounts.map((one) => `--${one}`).join(' and ');
    throw new UsageError(`Give one of --ratio, --weights and --like, not ${both}.`);
  }
  if (!(ratio > 0 && ratio < 1))
    throw new UsageError(`--ratio takes a share between 0 and 1, not ${ratio}.`);
  if (given.has('flap-variance') && method !== 'flap')
    throw new UsageError(`--flap-variance is of --method flap alone, and this is ${method}.`);
  if (alone && given.has('like'))
    throw new UsageError('--like names the plan that width is compared with: leave out --alone.');
  if (given.has('speed')) return;
  const timed = Object.keys(WIDTH_SPEED_OPTIONS).find((name) => given.has(name));
  if (timed) throw new UsageError(`--${timed} is about measured speeds: add --speed.`);
}

/** @throws UsageError */
export function batchesOf({ batches }: SpeedValues): number[] {
  const sizes = batches.split(',').map((word) => {
    const size = Number(word.trim());
    if (/^\d+$/.test(word.trim()) && Number.isSafeInteger(size) && size > 0) return size;
    throw new UsageError(`--batches takes whole numbers such as 1,4,16, not "${batches}".`);
  });
  return [...new Set(sizes)].sort((a, b) => a - b);
}

export function speedSettingsOf({ tokens, warmup, runs }: SpeedValues): SpeedSettings {
  const { tokens: t, warmup: w, runs: r } = QUICK_PROTOCOL;
  const mode = tokens === t && warmup === w && runs === r ? 'quick' : 'custom';
  return { ...QUICK_PROTOCOL, mode, tokens, warmup, runs };
}
