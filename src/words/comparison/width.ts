// What the section "Width or depth?" says.

import { listed } from '../../quantities.ts';

export const WIDTH = {
  title: 'Width or depth?',
  sub: 'at equal weights removed: narrower layers against fewer blocks, on this device',
  start: 'Compare width with depth',
  form: 'How width is pruned',
  multiple: 'Channels in multiples of',
  variance: 'FLAP’s variance',
  variances: { formula: 'by its formula', 'as-run': 'as its published code runs' },
  about:
    'Depth removes whole blocks. Width removes groups of heads and channels of the feed-forward ' +
    'from every block. At batch 1 a device mostly waits for kernels to start and for weights to ' +
    'arrive, so narrower layers may save memory and no time: this measures it.',
  unhealed: 'Nothing is healed on either side.',
  batch: 'Batch size',
  paramsChart: 'Perplexity against parameters',
  speedChart: 'Perplexity against speed',
  table: 'Width and depth at equal weights removed',
  speeds: 'Speeds by batch size, all rows together',
  depthLine: 'depth, blocks by the current order',
  stale: 'Measured on the windows of an earlier curve.',
  otherPlan:
    'This holds width against another plan than the current one. Compare again for the current ' +
    'one.',
  stopped: 'This comparison was stopped early: what is missing was not measured.',
  measuringSpeeds: 'Speeds are being measured.',
  noSpeeds: 'Speeds were not measured.',
  found: 'What was found',
  running: 'Comparing width with depth',
  export: 'Export',
} as const;

export const WIDTH_COLUMNS = {
  variant: 'variant',
  params: 'parameters, size',
  ppl: 'PPL, 95 % interval',
  export: 'export',
} as const;

/** Above a speed with its gain below. */
export const rateHead = (batch: number): string => `tok/s, gain at batch\u00a0${batch}`;

export const WIDTH_ROWS = {
  original: 'original',
  depth: 'depth',
  uncompensated: (method: string): string => `${method} without its compensation`,
} as const;

/** "depth: without 3 blocks". */
export const withoutUnits = (units: string): string => `depth: without ${units}`;

export const WIDTH_STAGES = {
  score: 'Scoring the blocks first.',
  width: 'Scoring groups of heads and channels, and the narrower models.',
  depth: 'Measuring the perplexity of depth plans.',
  speed: 'Measuring the speed of all, in turn, at batch sizes 1 to 32.',
} as const;

export const WIDTH_OBSTACLES = {
  noModel: 'No model is open.',
  runs: 'The comparison is running.',
  generating: 'Text is being generated.',
  measuring: 'A measurement is running.',
  unequal:
    'FLAP gives layers unequal widths, which the config of a model cannot say. It is measured ' +
    'here as ONNX Runtime runs it.',
} as const;

/** Said aloud. */
export const WIDTH_SAID = {
  started: 'The comparison of width with depth has started.',
  losses: 'Perplexities by width and by depth are measured; speeds follow.',
  done: 'Width and depth are compared.',
  cancelled: 'The comparison of width with depth was stopped.',
  notRestored:
    'The export is narrower too, which was not restored: compare width with depth to get there ' +
    'again.',
} as const;

/** What will be compared, before the start. */
export const comparesPlan = (units: string, weights: string): string =>
  `Removes as many weights by width as the plan without ${units} does by depth: ${weights}.`;

export const comparesOrder = (units: string, weights: string): string =>
  `The plan removes nothing, so it goes without ${units} of the lowest score: ${weights} weights.`;

export const scoresFirst = (blocks: string): string =>
  `The plan removes nothing: the blocks are scored first, to remove ${blocks} of the lowest score.`;

/** Under the table. */
export const notExported = (variant: string, why: string): string =>
  `${variant} is not exported: ${why}`;

export const exportLabel = (variant: string): string => `Export ${variant}`;

/** Why a variant stopped before the last batch size. */
export const stoppedAt = (variant: string, batch: number, message: string, hint: string): string =>
  `${variant} stopped at batch ${batch}: ${message} ${hint}`;

/** How the speeds were measured. */
export const speedsBy = (protocol: string, device: string): string =>
  `Speeds: ${protocol}, on ${device}, from the bytes of an export as ONNX, as are the sizes.`;

export const measuredBy = (device: string): string => `Perplexity on ${device}.`;

export const multipleWords = (multiple: number): string =>
  multiple === 1
    ? 'Any number of channels goes, as published.'
    : `Channels go in multiples of ${multiple}.`;

// What was found, a sentence for each fact.

/** Speeds at one batch size. */
export const speedFound = (
  batch: number,
  rows: readonly { name: string; gain: string; noise: boolean }[],
): string => {
  const gains = rows.map(
    ({ name, gain, noise }) => `${name} ${gain}${noise ? ' (within noise)' : ''}`,
  );
  return `Gain over the original at batch ${batch}: ${listed(gains)}.`;
};

/** Depth held against the fastest width. */
export const depthAhead = (batch: number, name: string, ratio: string, verdict: Verdict): string =>
  ({
    depth: `At batch ${batch}, depth is faster than ${name}, the fastest of width: ${ratio}.`,
    width: `At batch ${batch}, ${name} is faster than depth, whose speed is ${ratio} of its own.`,
    noise:
      `At batch ${batch}, depth and ${name}, the fastest of width, are within noise of each ` +
      'other.',
  })[verdict];

export type Verdict = 'depth' | 'width' | 'noise';

/** Perplexities, the lowest first. */
export const lossFound = (
  rows: readonly { name: string; ppl: string }[],
  original: string,
): string =>
  `Perplexity, lowest first: ${listed(rows.map(({ name, ppl }) => `${name} ${ppl}`))}; the ` +
  `original ${original}.`;

/** Depth held against the best width, by their paired interval. */
export const lossVerdict = (name: string, verdict: Verdict): string =>
  ({
    depth: `Depth keeps a lower perplexity than ${name}, the best of width.`,
    width: `${name} keeps a lower perplexity than depth.`,
    noise: `Depth and ${name}, the best of width, cannot be told apart on these windows.`,
  })[verdict];

/** Widths come in steps, so that weights are not quite equal. */
export const unequalWeights = (rows: readonly { name: string; share: string }[]): string =>
  `Widths go in whole groups and channels, so that the weights removed differ a little: ` +
  `${listed(rows.map(({ name, share }) => `${name} ${share}`))}.`;

/** The charts for screen readers. */
export const chartInWords = (
  axis: 'params' | 'speed',
  points: readonly { name: string; x: string; ppl: string }[],
): string =>
  `Perplexity against ${axis === 'params' ? 'parameters' : 'tokens per second'}. ` +
  `${points.map(({ name, x, ppl }) => `${name}: ${ppl} at ${x}.`).join(' ')}`;

export const WIDTH_AXES = {
  ppl: 'perplexity (log scale); bars: 95 % intervals',
  params: 'parameters',
  speed: (batch: number): string => `tok/s at batch ${batch}, all rows together`,
} as const;
