// What the Compare workspace says: criteria, the iterative search and orders, the study.

export const CRITERIA_WORDS = {
  title: 'Criteria',
  sub: 'cheaper ways to rank blocks, beside perplexity',
  running: 'Comparing criteria',
  table: 'Criteria and what each would remove',
  criterion: 'criterion',
  withPpl: 'with perplexity',
  without: 'PPL without them',
  use: 'Use this order',
  current: 'Current',
  noBlock: 'no block can be removed',
  noRanking: 'no ranking: not all of its scores are numbers',
  measure: 'Measure the others',
  chart: 'Chart',
  ranks: 'ranks by the selected criteria',
  ownAxis: ', on its own axis',
  norms: 'include norm weights',
  contiguous: 'Contiguous blocks',
  noSpan: 'too few unlocked blocks in a row',
  pointAt: 'Point at a block for its ranks. Select it to remove it or put it back.',
  apart: 'Farthest from perplexity',
  scores: 'All scores and ranks',
  scoresLabel: 'Scores and ranks of the blocks',
  caption:
    'Score and rank (1 = removed first) of each block. Angular distance is listed at the first ' +
    'of its blocks.',
  sublayers: 'By sublayer',
  sublayersLabel: 'Scores of the sublayers',
  block: 'block',
  formulas: 'How they are computed',
} as const;

/** Beside what the job does: "up to 52 MB of memory". */
export const memoryWords = (total: string, read: string | null): string =>
  `up to ${total} of memory${read === null ? '' : `, weights are read from the files: ${read}`}`;

/** "Taylor is left out: The operator X of block 3 has no gradient." */
export const leftOut = (name: string, why: string): string => `${name} is left out: ${why}`;

export const lowestHead = (count: number): string =>
  count === 1 ? 'its lowest block' : `its ${count} lowest blocks`;

export const showInChart = (label: string): string => `Show ${label} in the charts`;

export const apartWords = (places: readonly { block: number; rank: number; pplRank: number }[]) =>
  places
    .map(({ block, rank, pplRank }) => `block ${block} (rank ${rank}, by perplexity ${pplRank})`)
    .join(', ');

/** "First 4 and last 2 blocks locked: Mag L1 and Mag L2 are Mag+, Taylor is Taylor+ (...)." */
export const plusWords = (names: readonly { names: string; several: boolean; plus: string }[]) => {
  const each = names.map((one) => `${one.names} ${one.several ? 'are' : 'is'} ${one.plus}`);
  return `First 4 and last 2 blocks locked: ${each.join(', ')} (Kim et al., 2024).`;
};

export const SEARCH_WORDS = {
  title: 'Iterative search',
  sub: 'removes the least important block, re-scores the rest, repeats',
  running: 'Searching',
  form: 'What to search for',
  count: 'Blocks to remove, at most',
  all: 'all',
  maxPpl: 'Stop if perplexity exceeds',
  any: 'any',
  start: 'Search',
  paused: 'paused',
  pause: 'Pause',
  continue: 'Continue',
  scoreFirst: 'Score the blocks to see how long this takes.',
  keeps: 'You can pause or cancel it; finished steps are kept.',
  alone:
    'It ran on other windows or another device than the curve, so the one-shot orders are not ' +
    'drawn.',
  tableCaption: 'Perplexity by number of removed blocks',
  removed: 'removed',
  how:
    'Small: the block removed at that step. Bold: the lowest perplexity of its row. Select one ' +
    'to use its plan.',
  halves: 'A sublayer counts as half a block.',
  notMeasured: 'not measured',
  measure: 'Measure the one-shot orders',
  measuring: 'Measuring the one-shot orders',
  byHand: 'edited by hand',
  bestInUse: 'You are using the best of them.',
} as const;

export const fromPlanWords = (removed: string | null): string =>
  removed === null
    ? 'continue from the current plan (nothing removed)'
    : `continue from the current plan (${removed} removed)`;

export const measuresPlans = (plans: string, time: string | null): string =>
  `Measures perplexity of ${plans}${time === null ? '' : `, ${time}`}.`;

/** "At 5 blocks: Block Influence 47.6, iterative 47.9, one-shot perplexity 49.2." */
export function comparedWords(
  count: number,
  plans: readonly { names: readonly string[]; ppl: string }[],
): string {
  const together = (names: readonly string[]) =>
    [names.slice(0, -1).join(', '), ...names.slice(-1)].filter(Boolean).join(' and ');
  const list = plans.map(({ names, ppl }) => `${together(names)} ${ppl}`);
  return `Perplexity at ${count} removed blocks: ${list.join(', ')}.`;
}

/** On the button of the best plan; without a name it is somebody's own. */
export function takeWords(name: string | null): string {
  if (name === null) return 'Use the best of them';
  return name === 'iterative' ? 'Use the iterative plan' : `Use ${name}`;
}

/** Of a run of the study. */
export const noNumbersOn = (run: string): string =>
  `The intact model gives no numbers on ${run}, so nothing is ranked there.`;

export const STUDY_WORDS = {
  title: 'How stable is this order?',
  sub: 're-scores on other text samples; your curve is kept',
  running: 'Studying the order',
  form: 'What the study runs',
  criterion: 'Criterion',
  windows: 'Windows',
  seeds: 'Seeds',
  from: 'from',
  bundled: 'bundled text',
  start: 'Run study',
  random: 'Windows are sampled at random; every run is kept.',
  count: 'Count the lowest',
  table: 'Stability of the blocks',
  each: 'Rank of each block over the runs',
  block: 'block',
  mean: 'mean rank',
  ranks: 'ranks',
  range: 'range of ranks',
  runs: 'Runs',
  runsLabel: 'Runs of the study',
  run: 'run',
  agreement: 'Spearman with the others',
  forget: 'Forget these runs',
  use: 'Use the study’s order',
  current: 'The study’s order is current',
} as const;

export const amongLowest = (count: number): string => `among the ${count} lowest`;
export const itsLowest = (count: number): string => `its ${count} lowest`;
export const runWords = (at: number, of: number, label: string): string =>
  `Run ${at + 1} of ${of}: ${label}.`;
