// What the page says of results that are kept in this browser, of recent folders, and before
// something measured would be lost.

import { agoWords } from '../../ago.ts';

export const KEPT = {
  title: 'Kept results',
  private: 'Kept in this browser only, so that they are back when you open the model again.',
  model: 'model',
  saved: 'saved',
  results: 'results',
  size: 'size',
  erase: 'Erase',
  eraseAll: 'Erase all',
  reallyAll: 'Erase the kept results of all models? They cannot be brought back.',
  no: 'Keep them',
  empty: 'No results are kept.',
  full: 'This browser has no room left: new results stay only until this page is closed.',
  none: 'This browser keeps no results: they stay only until this page is closed.',
  looking: 'Looking for results kept of this model…',
  show: 'Show kept results',
} as const;

/** Said once, as a toast. */
export const STORAGE_FAILED = {
  full:
    'This browser has no room left to keep results. They stay until this page is closed: export ' +
    'what you need, or erase results of other models under “Kept results”.',
  none: 'This browser cannot keep results. They stay until this page is closed.',
} as const;

export const RECENT = {
  title: 'Recent folders',
  forget: 'Forget',
  forgetHint: 'Removes it from this list; nothing on the disk changes.',
  hint: 'The browser may ask whether this page may read the folder.',
} as const;

export const recentGone = (folder: string): string =>
  `The folder ${folder} could not be read: it was moved, renamed or deleted, or the browser did ` +
  'not allow it.';
export const RECENT_NEXT = 'Choose the folder again.';

/** Of so many ms ago. */
export const openedAgo = (ms: number): string => `opened ${agoWords(ms)}`;
/** Before what it was scored on. */
export const scoredAgo = (ms: number): string => `Scored ${agoWords(ms)} on`;

export const keptAreBack = (name: string, ms: number): string =>
  `Results of ${name} are back, saved ${agoWords(ms)}.`;
export const resultsKept = (name: string): string => `The results of ${name} are kept.`;

/** Singular and plural of what each slice keeps. */
const NOUNS: Readonly<Record<string, readonly [one: string, many: string]>> = {
  score: ['importance curve', 'importance curves'],
  effect: ['perplexity of a plan', 'perplexities of plans'],
  sublayers: ['set of sublayer scores', 'sets of sublayer scores'],
  criteria: ['criterion source', 'criterion sources'],
  stability: ['study run', 'study runs'],
  search: ['search step', 'search steps'],
  heal: ['refit', 'refits'],
  evaluate: ['evaluation', 'evaluations'],
  speed: ['speed measurement', 'speed measurements'],
  variants: ['named variant', 'named variants'],
  plan: ['plan', 'plans'],
  interop: ['imported file', 'imported files'],
  lineage: ['perplexity beside other folders', 'perplexities beside other folders'],
};

/** "1 importance curve, 3 perplexities of plans, 1 plan". */
export function keptWords(counts: Readonly<Record<string, number>>): string {
  const words = Object.entries(NOUNS).flatMap(([kind, [one, many]]) => {
    const count = counts[kind] ?? 0;
    return count > 0 ? [`${count.toLocaleString('en')} ${count === 1 ? one : many}`] : [];
  });
  return words.join(', ');
}

export const LOSS = {
  open: 'Open it',
  stay: 'Stay here',
} as const;

export const lossTitle = (folder: string): string => `Open ${folder}?`;

/** Of a job that cannot be resumed. */
export const lossOfJob = (job: string, model: string): string =>
  `Opening it ends ${job} of ${model}, which cannot be resumed. Finished results are kept.`;
export const lossOfResults = (model: string): string =>
  `Opening it drops the results of ${model}: this browser cannot keep them.`;

export const openingStopped = (folder: string, job: string): string =>
  `Opening ${folder} stopped ${job}.`;

/** Under an export that was opened again. */
export const MADE_FROM = {
  title: 'Made by Espalier',
  source: 'source',
  removed: 'removed',
  noBlock: 'no block',
  width: 'width',
  narrower: (method: string, ratio: number) =>
    `narrower by ${method}, ratio ${Number(ratio.toPrecision(3))}`,
  blocks: 'blocks here',
  version: 'version',
  columns: ['source', 'at export', 'now'],
  perplexity: 'perplexity',
  size: 'size',
  speed: 'tok/s',
  changed:
    'The perplexity differs from that at export: the weights have been changed since, for ' +
    'example by training.',
  otherWindows: 'Perplexity now is on other windows than at export: the two do not compare.',
  open: 'Open the source',
  openHint: 'opens in place of this model; the results of this one are kept',
  notRecent: 'Open its folder to prune it differently.',
} as const;

/** After an espalier.json was dropped that belongs to the source. */
export const madeFromNow = (name: string, source: string): string =>
  `${name} has the blocks that this espalier.json left of ${source}: it is shown as made from it.`;

/** `here` and `there` as "0-25". */
export const renumbered = (here: string, there: string): string =>
  here === there ? `${here}, numbered as in the source` : `${here}, in the source ${there}`;

export const recordedOn = (on: string): string =>
  `Perplexity at export: ${on}, as recorded in espalier.json.`;
export const keptOfSource = (name: string, ms: number): string =>
  `Size and speed of ${name}: kept in this browser, saved ${agoWords(ms)}.`;
