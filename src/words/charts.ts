// What the axes of charts are called, with their units and their scale.

export const axisTitles = {
  block: 'block',
  noise: 'noise',
  pplWithout: 'perplexity without the block (logarithmic scale)',
  pplWithoutSublayer: 'perplexity without the sublayer (logarithmic scale)',
  pathPpl: 'perplexity (logarithmic scale)',
  blocksRemoved: 'blocks removed',
  logarithmic: (title: string) => `${title} (logarithmic scale)`,
  rate: 'tokens per second',
  rank: 'rank by perplexity (1 = removed first)',
  byMeanRank: 'block, in the order of mean ranks',
};

export const matrixWords = {
  title: (k: number) =>
    `rank by each criterion: 1 (darkest) is removed first; framed: the ${k} it would remove`,
  shortTitle: 'rank by each criterion: 1 is removed first',
  columns: 'block',
  first: (label: string, block: number) => `${label} would remove block ${block} first.`,
  inWords: (criteria: number, firsts: readonly string[]) =>
    [`Ranks of the blocks by ${criteria} criteria.`, ...firsts].join(' '),
};

export const curveWords = {
  none: 'no numbers',
  waiting: 'The original is measured first.',
};
