// What the workspace Choose says of the importance curve, its settings and sublayers, and of
// interrupted jobs. Goal, blocks and architecture have files of their own.

import { plural } from '../quantities.ts';
import { aboutSeconds } from './duration.ts';

interface Seconds {
  low: number;
  high: number;
}

export const IMPORTANCE = {
  title: 'Importance',
  sub: 'without the block; low means it matters little',
  perplexity: 'perplexity',
  settings: 'Settings',
  score: 'Score blocks',
  again: 'Score again',
  sublayers: 'Score sublayers',
  sublayersShort: 'Sublayers',
  scoring: 'Scoring',
  notify: 'Notify me when done',
  hint: 'Choose a block to remove or restore it; hold Shift for a range.',
  /** Where there is no keyboard. */
  hintShort: 'Tap a block to remove or restore it.',
  growing: 'The curve grows as blocks are scored, the last ones first.',
  doubtful: 'Doubtful numbers.',
  tooClose: 'Blocks too close to call',
  noise: 'within noise of each other',
  details: 'Details',
  oneWindow:
    'One window gives no interval: use more to see which blocks differ by more than noise.',
} as const;

/** Of a model that gives NaN or infinite likelihoods before anything is left out. */
export const NO_NUMBERS = {
  title: 'Nothing can be ranked.',
  evaluated: 'The evaluation is done. The intact model gives no numbers.',
  /** While the curve grows: which block it is comes with the warnings at the end. */
  growing:
    'The likelihood of the intact model is NaN or infinite. At the end of scoring the first ' +
    'block whose output is not finite is named.',
  /** A curve of an older version, or from a file, without a warning that says it. */
  unnamed:
    'The likelihood of the intact model is NaN or infinite. Score again to see which block is ' +
    'the first whose output is not finite.',
  comesBack: (blocks: string, count: number) =>
    `Numbers come back without ${count === 1 ? `block ${blocks}` : `one of the blocks ${blocks}`}.`,
  /** Why what needs an order, or a comparison with the original, is not there. */
  obstacle: 'The intact model gives no numbers, so perplexity ranks nothing.',
  scored: (blocks: number, seconds: string) =>
    `Scored ${plural(blocks, 'block')} in ${seconds} seconds. The intact model gives no numbers, ` +
    'so none of them can be ranked.',
} as const;

/** Above the list of blocks that share a letter. */
export const onWindows = (windows: number): string => ` on ${plural(windows, 'window')}:`;

/** "block 3 of 16": the one that is being scored. */
export const blockOf = (scored: number, all: number): string =>
  `block ${Math.min(scored + 1, all)} of ${all}`;

export const measuredOn = (on: string, seconds: string | null): string =>
  seconds === null ? on : `${on}, ${seconds}`;

/** Of a run that was stopped: how far it came, as the state says it. */
export const stoppedWords = (after: string): string =>
  `Scoring ${after}. What was measured is shown.`;

export const changedWords = (seconds: Seconds | null): string =>
  `Settings have changed since${seconds ? `; scoring again takes ${aboutSeconds(seconds)}` : ''}.`;

/** A point of the curve in a sentence; every part is formatted already. */
export interface PointWords {
  index: number;
  refused: string | null;
  /** Neither the model nor what is left without the block gives numbers. */
  noNumber: boolean;
  perplexity: string | null;
  interval: readonly [string, string] | null;
  /** Blocks within noise: their number with this one and their letter, or a list of them. */
  noise: { count: number; letter: string } | { blocks: string } | null;
  removed: boolean;
  locked: boolean;
}

/** The reason of a block that lends its cache is a sentence that names the block itself. */
function refusedWords(index: number, refused: string): string {
  const reason = refused.replace(/\.$/, '');
  return reason.startsWith(`Block ${index} `)
    ? reason
    : `Block ${index}: cannot be scored, ${reason}`;
}

export function pointWords(point: PointWords): string {
  const { index, refused, noNumber, perplexity, interval, noise } = point;
  const words = [`Block ${index}`];
  if (refused) words.splice(0, 1, refusedWords(index, refused));
  else if (noNumber) words.push(': no numbers without it either');
  else if (perplexity === null) words.push(' is not scored yet');
  else {
    words.push(`: perplexity ${perplexity} without it`);
    if (interval) words.push(` (95 %: ${interval[0]} to ${interval[1]})`);
    if (noise && 'blocks' in noise) words.push(`, within noise of ${noise.blocks}`);
    else if (noise)
      words.push(`, one of ${noise.count} within noise of each other (${noise.letter})`);
  }
  if (point.removed) words.push('; removed');
  if (point.locked) words.push('; locked');
  return `${words.join('')}.`;
}

export const BEFORE = {
  what: (blocks: number) =>
    `Leaves out each of the ${plural(blocks, 'block')} in turn and measures`,
  on: 'on',
  windows: 'windows',
  of: (text: string, device: string) => `of the ${text}, on ${device}.`,
  method: 'The method is that of',
  choices: 'How thoroughly to score',
  quick: 'Quick look',
  usual: 'Default',
  timing: 'estimating the time…',
  untimed: 'the time left is shown while it runs',
  memory: 'Memory',
  memoryUnknown: 'Estimating memory…',
  thisDevice: 'this device',
  noTokenizer: 'This folder has no tokenizer. Give windows of token ids in the settings instead.',
  cannot: (why: string) => `${why} You can still choose blocks by hand and export.`,
} as const;

/** "10 windows × 128 tokens". */
export const sizeWords = ({ samples, length }: { samples: number; length: number }): string =>
  `${plural(samples, 'window')} × ${length} tokens`;

/** Beside a button that starts scoring. */
export function timeWords(seconds: Seconds | null, timing: boolean): string {
  if (seconds) return aboutSeconds(seconds);
  return timing ? BEFORE.timing : BEFORE.untimed;
}

export const SETTINGS = {
  title: 'Scoring settings',
  windows: 'Windows',
  length: 'Tokens per window',
  sampling: 'Sampling',
  even: 'evenly spaced',
  random: 'random, without overlap',
  seed: 'Seed',
  bos: 'Prepend BOS token',
  device: 'Device',
  auto: (device: string | null) => `Auto${device ? ` (${device})` : ''}`,
  faster: 'the faster one',
  webgpu: 'WebGPU',
  budget: 'Memory budget in MB',
  automatic: (megabytes: number | null) =>
    megabytes === null ? 'automatic' : `automatic: ${megabytes}`,
  budgetRange: (most: number) => `1 to ${most}, or empty`,
  memoryUnknown: 'Memory is not known yet.',
  takes: (seconds: Seconds) => `Scoring takes ${aboutSeconds(seconds)}.`,
  done: 'Done',
} as const;

export const SUBLAYERS = {
  what: 'What the chart shows',
  blocks: 'blocks',
  both: 'attention and feed-forward',
  scoring: 'Scoring sublayers',
  scoredIn: (seconds: string) => `sublayers scored in ${seconds}`,
  attention: 'attention',
  feedForward: 'feed-forward',
  growing: 'The curves grow as sublayers are scored.',
  hint: 'Choose a sublayer to remove or restore it.',
  inseparable: (block: number) => `The sublayers of block ${block} could not be separated.`,
  block: (block: number, what: string) => `Block ${block}: ${what}.`,
  notScored: (name: string) => `${name} not scored yet`,
  without: (ppl: string, name: string, interval: readonly [string, string] | null) =>
    `perplexity ${ppl} without ${name}` +
    (interval ? ` (95 %: ${interval[0]} to ${interval[1]})` : ''),
} as const;

export const INTERRUPTED = {
  label: 'Interrupted job',
  names: {
    score: 'Scoring',
    parts: 'Scoring of sublayers',
    search: 'The search',
    taylor: 'The Taylor criterion',
    heal: 'Healing',
    quantise: 'Quantising',
    tasks: 'Answering tasks',
  },
  was: (name: string, percent: number, ago: string) =>
    `${name} was interrupted at ${percent} %, ${ago}.`,
  upTo: (blocks: number) => `up to ${plural(blocks, 'block')}, `,
  resume: 'Resume',
  discard: 'Discard',
} as const;
