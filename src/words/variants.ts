// What the Variants workspace says.

export const VARIANTS = {
  title: 'Variants',
  sub: 'measured plans of this model, other folders made from it; pin two to compare',
  original: 'original',
  current: 'current',
  use: 'Use',
  hide: 'Hide',
  keep: 'Keep plan',
  keepLabel: 'Name for the current plan',
  namePlan: 'Name for this plan',
  nameOriginal: 'Name for the original',
  copyCsv: 'Copy CSV',
  saveCsv: 'Save CSV',
  saveJson: 'Save JSON',
  unpin: 'Unpin both',
  comparison: 'Comparison of two variants',
  pinHead: 'pin to compare',
  nameHead: 'name',
  actionsHead: 'actions',
  predicted: 'predicted',
  apart: 'Their speeds were measured differently and cannot be compared.',
  gainAxis: 'gain over the original; bars: 95 % interval',
  gainAxisPredicted: 'gain over the original; bars: 95 % interval; dashed: predicted',
  pplAxis: 'perplexity (log scale)',
} as const;

/** Rows of other folders. */
export const FOLDER_NAMES = {
  this: 'this folder',
  source: 'another folder: the source',
  atExport: 'by its espalier.json',
  unnamed: 'a folder without a name',
  open: 'Open',
} as const;

export const openLabel = (name: string): string => `Open ${name}`;

/** "−4: 7, 8, 9, 10, as exported". */
export const asExported = (plan: string): string => `${plan}, as exported`;

/** Under the name of a row: what it was made from, without which units of it. */
export const madeFromWords = (source: string, units: string): string =>
  `another folder: ${source}${units && ` without ${units}`}`;

/** The open folder beside others, as it is. */
export const LINEAGE = {
  measure: 'Measure perplexity',
  hint: (folder: string): string =>
    `of this folder, on the windows that ${folder} was scored on: one pass`,
  otherWindows:
    'Folders without a perplexity were measured on other windows: score them with the same text ' +
    'and settings.',
} as const;

/** Read aloud. */
export const LINEAGE_SAID = {
  started: 'Perplexity of this folder is being measured.',
  done: (ppl: string): string => `Perplexity of this folder: ${ppl}.`,
  cancelled: 'The measurement of perplexity was cancelled.',
} as const;

export const COLUMN_TITLES = {
  blocks: 'blocks',
  ppl: 'PPL',
  gain: 'gain',
  toks: 'tok/s',
  decode: 'decode',
  ttft: 'TTFT',
  size: 'size',
  device: 'device memory',
  tasks: 'tasks',
} as const;

/** Names of the lines of a comparison. */
export const COMPARED = {
  ppl: 'perplexity',
  gain: 'gain',
  toks: 'tok/s',
  ttft: 'TTFT',
  size: 'size',
  device: 'device memory',
  tasks: 'mean of tasks',
} as const;

export const pinLabel = (name: string): string => `Pin ${name}`;
export const applyLabel = (name: string): string => `Use ${name}`;
export const hideLabel = (name: string): string => `Hide ${name}`;
export const renameLabel = (name: string): string => `Rename ${name}`;
export const nameLabel = (name: string): string => `Name of ${name}`;
export const sortLabel = (column: string): string => `Sort by ${column}`;
export const showHidden = (rows: string): string => `Show ${rows}`;
export const removesWords = (units: string): string => `without ${units}`;
export const onlyIn = (name: string, units: string): string =>
  `Removed only in ${name}: ${units}. `;

/**
 * Which rows the column of tasks is the mean of. @param tasks their names; null for the seven
 */
export function tasksMeanWords(
  tasks: readonly string[] | null,
  limit: number | null,
  seed: number,
): string {
  const which = tasks === null ? 'mean accuracy of the seven' : `accuracy, ${meanOf(tasks)}`;
  return limit === null
    ? `${which}, all rows`
    : `${which}, at most ${limit.toLocaleString('en')} rows of each, drawn with seed ${seed}`;
}

const meanOf = (tasks: readonly string[]): string =>
  tasks.length === 1
    ? (tasks[0] ?? '')
    : `mean of ${tasks.slice(0, -1).join(', ')} and ${tasks.at(-1)}`;

/** After an espalier.json was restored that has scores of tasks. */
export const TASKS_RESTORED =
  'Scores of its zero-shot tasks are in Tasks, without the answers to single rows.';

/** Below the table. */
export const tasksWords = (words: string): string => `Tasks: ${words}.`;

/** A difference of two shares in percent: "−1.2". */
export function signedPoints(points: number): string {
  const text = Math.abs(points).toFixed(1);
  const sign = points < 0 ? '−' : '+';
  return `${Number(text) === 0 ? '' : sign}${text}`;
}

/** "−1.2 points". */
export const pointsWords = (points: number): string => `${signedPoints(points)} points`;

/** How the speeds of most rows were measured. */
export const waysWords = (way: string): string => `Speeds: ${way}.`;

export const notDrawn = (variants: string): string =>
  `Not drawn: ${variants} measured with another protocol or device.`;

export const predictedName = (name: string): string => `${name}, predicted`;

/** The ends of the chart, for screen readers. */
export const chartWords = (
  count: number,
  fastest: { name: string; gain: string; ppl: string },
  best: { name: string; gain: string; ppl: string },
  predicted: string,
): string =>
  `Gain over the original against perplexity of ${count} variants. Fastest: ${fastest.name}, ` +
  `${fastest.gain} at perplexity ${fastest.ppl}. Lowest perplexity: ${best.name}, ${best.ppl} at ` +
  `${best.gain}.${predicted && ` ${predicted} with a predicted gain.`}`;
