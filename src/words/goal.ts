// What the page says about the goal: its form, its steps, how a run ended.

import { formatBytes } from '../quantities.ts';
import { formatGainSpread, formatSpread } from '../spread.ts';
import { formatUnits, type Unit } from '../units.ts';
import { aboutSeconds, upToSeconds } from './duration.ts';

/**
 * What a plan must reach: `faster` and `smaller` than the original in percent, `size` of the
 * exported files and `memory` on the device at most in bytes, `speed` at least in tokens/s.
 */
export type GoalKind = 'faster' | 'smaller' | 'size' | 'memory' | 'speed';

const blocks = (n: number): string => `${n} block${n === 1 ? '' : 's'}`;

/**
 * "+19 %", "−2 %", "+8.5 %": a change of perplexity, with one digit below ten.
 * @param beside a bound that it must not look equal to: then it has one digit more
 */
export function rise(share: number, beside: number | null = null): string {
  if (!Number.isFinite(share)) return 'off the scale';
  const percent = Math.abs(100 * share);
  if (percent >= 999.5) return `${(1 + share).toPrecision(3)} ×`;
  const digits = percent < 9.95 && percent >= 0.05 ? 1 : 0;
  const inDigits = (some: number) => `${share < 0 ? '−' : '+'}${percent.toFixed(some)} %`;
  const text = inDigits(digits);
  const isTie =
    beside !== null && share !== beside && Math.round(percent) === Math.round(100 * beside);
  return isTie ? inDigits(digits === 0 ? 1 : 2) : text;
}

/** "4 blocks (9, 11, 13-15)". */
const blocksOf = (removed: readonly Unit[]): string =>
  `${blocks(removed.length)} (${formatUnits(removed).replaceAll(',', ', ')})`;

const isGain = (kind: GoalKind) => kind === 'faster' || kind === 'speed';

/** A value with its interval as the goal counts it. */
export interface Read {
  value: number;
  ci95: readonly [number, number];
}

/**
 * A value in the words of the goal: "1.3 × (1.21 to 1.42)", "about 300 tok/s (253 to 386)",
 * "9.4 MB".
 * @param original tokens/s of the original, which absolute speeds are gains of
 */
export function reached(kind: GoalKind, { value, ci95 }: Read, original: number | null): string {
  if (!isGain(kind)) return formatBytes(value);
  if (kind === 'faster' || original === null) return formatGainSpread(value, ci95);
  const ends = [ci95[0] * original, ci95[1] * original] as const;
  return formatSpread(value * original, ends, 'tok/s');
}

/** What was asked for: "25 % faster", "at most 9.0 MB", "at least 200 tok/s". */
export function wanted(kind: GoalKind, value: number): string {
  const number = value.toLocaleString('en', { maximumSignificantDigits: 4 });
  switch (kind) {
    case 'faster':
    case 'smaller':
      return `${number} % ${kind}`;
    case 'speed':
      return `at least ${number} tok/s`;
    case 'size':
      return `at most ${formatBytes(value)}`;
    case 'memory':
      return `at most ${formatBytes(value)} of device memory`;
  }
}

const capital = (text: string) => text.slice(0, 1).toUpperCase() + text.slice(1);

const listed = (items: readonly string[]): string =>
  items.length < 2 ? items.join('') : `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`;

export const FORM = {
  title: 'Goal',
  sub: 'finds the fewest blocks to remove',
  lead: 'Make it',
  placeholder: 'number',
  kinds: {
    faster: '% faster',
    smaller: '% smaller',
    size: 'MB at most (size)',
    memory: 'MB at most (device memory)',
    speed: 'tok/s at least',
  } satisfies Record<GoalKind, string>,
  kind: 'Kind of goal',
  boundBefore: 'with',
  perplexity: 'perplexity',
  boundAfter: 'at most',
  boundOn: 'Limit the perplexity',
  boundValue: 'Highest rise of perplexity to allow, in percent',
  boundUnit: '% higher',
  refits: 'refit plans that would pass it',
  find: 'Find a plan',
  cancel: 'Cancel',
  closest: 'Use the closest',
  openSpeed: 'Open Speed',
  look: 'How much to score on',
  lookBefore: 'Scores the blocks first, on',
  lookOn: 'windows of text:',
  usual: 'default',
  quick: 'quick look',
  asSet: 'as set',
  steps: 'Steps',
  progress: 'Finding a plan',
} as const;

export const windows = (samples: number, length: number): string =>
  `${samples} window${samples === 1 ? '' : 's'} × ${length} tokens`;

export const OBSTACLES = {
  noModel: 'No model is open.',
  noValue: 'Enter a target.',
  tooSmall: (value: number) => `${value} % smaller leaves nothing: enter less than 100 %.`,
  noPerplexity:
    'The perplexity of this graph cannot be measured here, so a bound on it cannot be checked. ' +
    'Switch the bound off to choose by the magnitude of the weights.',
  noTokenizer:
    'Perplexity needs a tokenizer, and this folder has none. Score on token ids, or switch the ' +
    'bound off to choose by the magnitude of the weights.',
  noSize: 'The size in the chosen precision is not known yet.',
} as const;

/** Seconds between two bounds. */
interface Seconds {
  low: number;
  high: number;
}

/** What a run will take: null where that is not known, `no` where it is skipped. */
export interface Cost {
  score: Seconds | null | 'no';
  plans: Seconds | null | 'no';
  speed: Seconds | null | 'no';
  /** At most, for an iterative search where it pays. */
  search: Seconds | null;
}

/** "Takes about 45 s: scoring about 20 s, …". Says what is not known instead of guessing. */
export function costs({ score, plans, speed, search }: Cost): string {
  const parts = [
    { name: 'scoring', seconds: score },
    { name: 'perplexities', seconds: plans },
    { name: 'speed', seconds: speed },
  ];
  const known = parts.flatMap(({ name, seconds }) =>
    seconds === null || seconds === 'no' ? [] : [{ name, seconds }],
  );
  const unknown = parts.filter(({ seconds }) => seconds === null).map(({ name }) => name);
  const sum = (of: (one: Seconds) => number) =>
    known.reduce((total, { seconds }) => total + of(seconds), 0);
  const total = aboutSeconds({ low: sum(({ low }) => low), high: sum(({ high }) => high) });
  const each = known.map(({ name, seconds }) => `${name} ${aboutSeconds(seconds)}`).join(', ');
  const sentences: string[] = [];
  if (known.length > 1) sentences.push(`Takes ${total}: ${each}.`);
  else if (known.length > 0) sentences.push(`Takes ${total} (${known[0]!.name}).`);
  else if (unknown.length === 0) sentences.push('Takes a moment.');
  if (unknown.length > 0) {
    const they = unknown.length === 1 ? 'it runs' : 'they run';
    sentences.push(`How long ${listed(unknown)} will take is known once ${they}.`);
  }
  if (search) sentences.push(`An iterative search may add ${upToSeconds(search)}.`);
  return sentences.join(' ');
}

/** What an interval says of the goal. */
export const VERDICTS = {
  enough: 'enough',
  probably: 'enough on average only',
  hardly: 'not enough on average',
  not: 'not enough',
} as const;

export const STEPS = {
  score: (n: number, on: string) => `Score ${blocks(n)} on ${on}`,
  scored: (ppl: string, lowest: number | undefined) => {
    const least = lowest === undefined ? '' : `; block ${lowest} costs least`;
    return `perplexity of the original ${ppl}${least}`;
  },
  orders: 'Order the blocks by the magnitude of their weights',
  ordered: (label: string) => `by ${label}; no perplexity is measured`,
  original: 'Measure the original',
  choose: (k: number, count: number) =>
    `Without ${blocks(k)}: compare ${count === 1 ? 'the one plan' : `${count} plans`}`,
  search: (k: number, why: string) => `Iterative search for ${blocks(k)}, because ${why}`,
  searched: (share: number | null, k: number, far: number) =>
    share === null
      ? `after ${blocks(far)} the next step would pass the bound, short of ${k}`
      : `perplexity ${rise(share)}`,
  notSearched: (seconds: number | null) =>
    seconds === null
      ? 'skipped: how long it takes is not known for a curve from a file. Start it in Compare'
      : `skipped: it would take ${upToSeconds({ low: 0, high: seconds })}. Start it in Compare`,
  whyBound: (share: number) => `the best plan so far has perplexity ${rise(share)}`,
  speed: (k: number, predicted: string | null) =>
    `Measure without ${blocks(k)}${predicted === null ? '' : `, ${predicted} predicted`}`,
  speedAgain: (k: number, reason: string) => `Measure again without ${blocks(k)}: ${reason}`,
  knownSpeed: (k: number) => `Speed without ${blocks(k)}, measured before`,
  speedRead: (read: string, runs: number, left: number, verdict: keyof typeof VERDICTS) => {
    const pooled = runs > 1 ? `, ${runs} measurements pooled` : '';
    const without = left > 0 ? `, ${left} left out as disturbed` : '';
    return `${read}${pooled}${without}: ${VERDICTS[verdict]}`;
  },
  refit: (k: number) => `Refit the plan without ${blocks(k)}`,
  refitted: (share: number) => `perplexity ${rise(share)}`,
  refitRose: 'not used: the loss rises on text that it has not seen',
  notRefitted: (seconds: number | null) =>
    seconds === null
      ? 'skipped: how long it takes is not known. Start it in Heal'
      : `skipped: it would take ${aboutSeconds({ low: seconds, high: seconds })}. Start it in Heal`,
  apart: 'prediction and measurement are more than 30 % apart',
  unequal: 'two measurements are more than 30 % apart',
  straddles: 'the interval contains the goal',
} as const;

/** "the one-shot order by perplexity", "Block Influence and angular distance". */
export const ordersOf = (by: readonly string[]): string => listed([...by]);

/**
 * The comparison of plans of one size: which is best, and how the curve's own order did when
 * another one beat it.
 */
export function compared(
  best: { by: readonly string[]; rise: number | null },
  own: { by: readonly string[]; rise: number | null } | null,
): string {
  if (best.rise === null) return `by ${ordersOf(best.by)}`;
  const found = `perplexity ${rise(best.rise)} by ${ordersOf(best.by)}`;
  return own && own.rise !== null && own.rise > best.rise
    ? `${found}; ${rise(own.rise)} by ${ordersOf(own.by)}`
    : found;
}

const UNCHANGED = 'The plan is unchanged.';

export const ENDS = {
  started: 'Looking for a plan.',
  stopped: `Stopped. ${UNCHANGED}`,
  edited: 'Stopped: the plan was edited, or another job took the device.',
  failed: `The run failed. ${UNCHANGED}`,
  scoreFailed: `Scoring ended without a curve. ${UNCHANGED}`,
  noBlocks: `No block can be removed: unlock one. ${UNCHANGED}`,
  original: (goal: string, value: string) =>
    `The original already meets the goal: ${value}, ${goal} asked for.`,
} as const;

/** What a plan reached, for the last sentence. */
export interface Reached {
  removed: readonly Unit[];
  /** In the words of the goal; '' where it was not measured. */
  value: string;
  rise: number | null;
  /** The perplexity is that of the refitted plan. */
  isRefitted?: boolean;
}

const plan = ({ removed, value, rise: share, isRefitted }: Reached): string =>
  [
    `without ${blocksOf(removed)}${isRefitted ? ', refitted' : ''}`,
    value,
    share === null ? 'perplexity not measured' : `perplexity ${rise(share)}`,
  ]
    .filter(Boolean)
    .join(', ');

export const found = (goal: string, one: Reached): string => `Found, ${goal}: ${plan(one)}.`;

/** After a plan that was chosen on little text. */
export const onlyOn = (windows: number, length: number): string =>
  `The blocks were chosen on ${windows} windows of ${length} tokens only: score more windows to ` +
  'be sure of them.';

export const probably = (goal: string, one: Reached): string =>
  `Probably ${goal}: ${plan(one)}. The mean meets the goal, its 95 % interval does not. Measure ` +
  'speed by the paper’s protocol to be sure.';

export function unreachable(goal: string, why: string, closest: Reached | null): string {
  const ending = closest ? ` The closest plan is ${plan(closest)}.` : '';
  return `${capital(goal)} cannot be reached: ${why}.${ending} ${UNCHANGED}`;
}

export const REASONS = {
  tooFew: (most: number) => `at most ${blocks(most)} can be removed`,
  bound: (k: number, share: number, bound: number) =>
    `the best plan known without ${blocks(k)} has perplexity ${rise(share, bound)}, and at most ` +
    `${rise(bound)} is allowed`,
} as const;
