// What the Variants workspace says.

export const VARIANTS = {
  title: 'Variants',
  sub: 'measured plans of this model; pin two to compare',
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

export const COLUMN_TITLES = {
  blocks: 'blocks',
  ppl: 'PPL',
  gain: 'gain',
  toks: 'tok/s',
  decode: 'decode',
  ttft: 'TTFT',
  size: 'size',
  device: 'device memory',
} as const;

/** Names of the lines of a comparison. */
export const COMPARED = {
  ppl: 'perplexity',
  gain: 'gain',
  toks: 'tok/s',
  ttft: 'TTFT',
  size: 'size',
  device: 'device memory',
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
