// What stands in files and figures that are taken away: heads of tables, captions, legends; and
// what is said of them.

export const takenWords = {
  copied: (title: string) => `Copied as CSV: ${title}.`,
  saved: (file: string) => `Saved ${file}.`,
  blocked: 'The browser did not let this page copy. Use “Save CSV” instead.',
  failed: (title: string, problem: string) =>
    `${title} could not be saved: ${problem} Try again, or save another format.`,
  noFigure: 'The chart did not appear in time.',
  noCanvas: 'The browser could not draw the image.',
};

export const columnHeads = {
  block: 'Block',
  blocks: 'Blocks',
  sublayer: 'Sublayer',
  attention: 'attention',
  feedForward: 'feed-forward',
  ppl: 'PPL',
  low: '95 % from',
  high: 'to',
  rank: 'Rank',
  group: 'Within noise',
  removed: 'Removed',
  locked: 'Locked',
  params: 'Parameters',
  size: 'Size',
  path: 'Path',
  count: 'Blocks removed',
  last: 'Last removed',
  plan: 'Plan',
  lowest: (k: number) => `Among the ${k} lowest`,
  meanRank: 'Mean rank',
  lowestRank: 'Lowest rank',
  highestRank: 'Highest rank',
  text: 'Text',
  protocol: 'Protocol',
  tokens: 'Tokens',
  original: 'original',
  pruned: 'pruned',
  kl: 'KL (nats)',
  top1: 'Same top token',
  model: 'Model',
  quantity: 'Quantity',
  name: 'Name',
  newTokens: 'New tokens',
  ttft: 'TTFT',
  rate: 'tok/s',
  rebased: 'tok/s on one original',
  min: 'lowest',
  max: 'highest',
  gain: 'Gain',
  decode: 'Decode tok/s',
  prefill: 'Prefill tok/s',
  deviceMemory: 'Device memory',
  batch: 'Batch',
  latency: 'Latency',
};

export const studyWords = {
  windows: (windows: number, length: number) =>
    `${windows} window${windows === 1 ? '' : 's'} × ${length} tokens`,
  runs: (runs: number, criterion: string) =>
    `${runs} runs on other calibration windows, blocks ranked by ${criterion}`,
};

export const captionWords = {
  model: (name: string, graph: string, blocks: number) => `${name} (${graph}), ${blocks} blocks.`,
  measured: (words: string) => `Measured: ${words}.`,
  plan: (units: string) => (units ? `Plan: without ${units}.` : 'Plan: nothing removed.'),
  made: (day: string, version: string) => `${day}, Espalier ${version}.`,
};

export const legendWords = {
  block: 'without the block',
  removedBlock: 'removed by the plan',
  removed: 'removed by the plan',
  struck: 'numbers struck through: removed by the plan',
  lowestOf: (k: number) => `the ${k} that the criterion removes first`,
  locked: 'locked',
  interval: '95 % interval',
  offScale: 'off the scale',
  original: 'original',
  letters: 'same letter: within noise of each other',
  attention: 'attention',
  feedForward: 'feed-forward',
  heights: 'heights: size in bytes',
  currentPlan: 'current plan',
  bound: 'perplexity not to exceed',
  meanRank: 'mean rank over the runs',
  rankRange: 'lowest to highest rank',
  originalModel: 'original',
  pruned: 'pruned',
  runs: 'range of the runs',
  batches: 'numbers: batch size',
  onFront: 'none is both faster and better',
  variant: 'other variant',
  predicted: 'predicted speed',
};
