// What the report of a study says around its numbers, for a reader who was not there.

export const REPORT = {
  title: (model: string) => `Pruning ${model} by depth`,
  kicker: 'Espalier report',
  contents: 'Contents',
  made: (day: string, version: string) => `${day} · Espalier ${version}`,
  summary: 'In short',
  goal: 'What was asked',
  model: 'The model',
  method: 'How it was measured',
  importance: 'Which blocks matter',
  sublayers: 'Which sublayers matter',
  plan: 'The plan and its effect',
  speed: 'Speed',
  criteria: 'Other criteria',
  search: 'Step by step',
  stability: 'How stable the order is',
  healing: 'Healing',
  quantisation: 'Quantisation',
  evaluation: 'Perplexity on other text',
  tasks: 'Zero-shot tasks',
  texts: 'Side by side',
  width: 'Width or depth?',
  variants: 'Variants',
  caveats: 'Read with care',
  glossary: 'Terms',
  references: 'References',
} as const;

/** The paragraphs that open a section. */
export const LEADS = {
  summary:
    'A language model is a stack of transformer blocks that each refine the same stream of ' +
    'hidden states. Depth pruning removes whole blocks: the model becomes smaller and faster, ' +
    'and its predictions somewhat worse. This report shows which blocks matter least, what was ' +
    'removed, and what that costs.',
  method:
    'Each block was removed in turn while the rest of the model ran unchanged, and the ' +
    'perplexity of the shortened model was measured on the same windows of text. Intervals are ' +
    '95 % paired bootstrap intervals over the windows: what is difficult about a window is ' +
    'difficult for both models and cancels.',
  importance:
    'The lower the perplexity without a block, the less the block matters. Blocks that share a ' +
    'letter are within noise of each other: these windows do not show which of them matters less.',
  sublayers:
    'A block consists of attention and a feed-forward network. Each can be removed on its own.',
  planOfNothing: 'Nothing was removed. The numbers below are those of the original.',
  speed:
    'Original and pruned ran in turn on the same machine, so that what slows the machine slows ' +
    'both. The gain is the ratio of their mean speeds, with its 95 % bootstrap interval over runs.',
  criteria:
    'Other ways to rank blocks, some of which need no run of the model. 1 is removed first. ' +
    'Spearman’s rank correlation with perplexity is 1 for the same order and 0 for an unrelated ' +
    'one.',
  search:
    'One-shot paths remove the lowest blocks of one order together. The iterative path removes ' +
    'the cheapest block, scores the rest again, and repeats.',
  stability:
    'The blocks were scored again on other windows of text. A block whose rank changes from run ' +
    'to run was ranked by chance as much as by importance.',
  healing:
    'The weights that are left were refitted or trained so that the pruned model behaves like ' +
    'the original again. What was seen in healing is no evidence; the held-out part and the ' +
    'other text are. Training on a text helps even a model that has lost nothing: the control ' +
    'shows by how much.',
  quantisation:
    'Weights were stored in few bits. What that costs was measured by the very bytes that an ' +
    'export writes; the sensitivity of a matrix is the KL divergence that it causes alone.',
  evaluation:
    'Perplexity on text that had no part in choosing the plan. KL divergence is measured from ' +
    'the original’s predictions to those of the pruned model; 0 means no difference.',
  tasks:
    'Multiple-choice questions, answered without examples: a model’s answer is the choice that ' +
    'it finds likeliest to follow the question. Accuracies stand with their standard error; ' +
    'differences are to the first variant on the same rows, with a 95 % interval from a paired ' +
    'bootstrap over rows.',
  texts: 'Both models continued the same prompt with the same settings.',
  width:
    'As many weights were removed by width, narrower layers, as the depth plan removes in whole ' +
    'blocks. All were measured on the same windows and ran in turn on the same machine, from the ' +
    'bytes that an export writes; nothing was healed.',
  variants:
    'Every plan of this model with a measured perplexity or speed. Gains are relative to the ' +
    'original of the same measurement.',
} as const;

export const FACTS = {
  name: 'name',
  graph: 'graph',
  family: 'family',
  exporter: 'exported by',
  precision: 'precision',
  blocks: 'blocks',
  parameters: 'parameters',
  size: 'size',
  hidden: 'hidden size',
  vocabulary: 'vocabulary',
  context: 'context',
  text: 'text',
  windows: 'windows',
  sampling: 'sampling',
  bos: 'BOS token',
  device: 'device',
  deviceReason: 'why this device',
  selfTest: 'self-test of the GPU',
  time: 'time',
  runtime: 'runtime',
  version: 'version',
  date: 'date',
  removed: 'removed',
  locked: 'locked',
  order: 'order',
  perplexity: 'perplexity',
  healing: 'healing',
  healedPerplexity: 'perplexity, healed',
  kv: 'KV cache per token',
  gain: 'gain',
  speed: 'speed',
  prompt: 'Prompt',
  nothing: 'nothing',
} as const;

export const REPORT_WORDS = {
  tokens: (count: string) => `${count} tokens`,
  evenly: 'evenly spaced over the text',
  random: (seed: number) => `at random, seed ${seed}`,
  given: 'token ids as given',
  bosEach: 'at the start of each window',
  bosNone: 'none',
  passed: 'passed',
  failed: 'failed',
  restored: 'read from an espalier.json',
  kept: (kept: number, of: number) => `${kept} of ${of}`,
  blocksKept: 'blocks kept',
  change: 'change',
  from: (from: string, change: string) => `from ${from}${change && ` (${change})`}`,
  byHand: 'edited by hand',
  underOne: 'fewer than 1 %',
  architecture:
    'The residual stream runs along the trunk and around removed blocks. Heights: size in bytes.',
  healedOn: (how: string, text: string) => `${how}, on ${text}`,
  prunedWithout: (units: string) => `pruned, without ${units}`,
  interval: (ends: string) => `95 %: ${ends}`,
  asked: (goal: string, rise: string) =>
    `Asked for: ${goal}${rise && `, with perplexity at most ${rise}`}.`,
  notMeasured: 'not measured for this plan',
  orderTable: 'Blocks in the order of the model; rank 1 is the least important.',
  sublayersTable: 'Sublayers in the order of the model; rank 1 is the least important.',
  effectTable: 'Original and pruned',
  speedTable: 'Measurements, newest first',
  sweepTable: 'Growing batch sizes',
  criteriaTable: 'Scores and ranks; low scores are safe to remove',
  formulas: 'How the criteria are computed',
  searchTable: 'Perplexity along the paths',
  stabilityTable: 'Blocks by their mean rank over the runs',
  healingTable: 'Perplexity before and after healing, by text',
  quantisationTable: 'Perplexity after each step, by text',
  matricesTable: 'Matrices in the order of the model',
  evaluationTable: 'Evaluations, newest first',
  tasksTable: 'Accuracy by task and variant',
  tasksBuiltIn: 'Some of these rows come with Espalier to show the feature. They are no benchmark.',
  tasksStopped: 'The run was stopped before all rows were answered.',
  variantsTable: 'Variants',
  spearman: (label: string, value: string) => `${label}: Spearman ${value} with perplexity.`,
  firstDifference: (token: number) => `First difference at token ${token}.`,
  same: 'Both texts are the same.',
  agreement: (runs: number, low: string, high: string) =>
    `Spearman’s correlation between the ${runs} runs: ${low} to ${high}.`,
  planNoise: (share: string, plan: string) =>
    `Other windows choose otherwise: ${share} of the resamples of the study’s windows choose ` +
    `exactly the blocks of the plan (${plan}).`,
  gainNoise: 'The difference in speed is within the spread of the runs: it may be noise.',
  fewWindows: (windows: number) =>
    `Scores rest on ${windows === 1 ? 'a single window' : `${windows} windows`} of text. Other ` +
    'text may give other scores.',
  noHealing:
    'The pruned model was not trained after pruning. Training usually recovers much of the loss.',
  noEvaluation:
    'The plan was not evaluated on other text: perplexities are of the windows that chose it.',
  stale: 'The perplexity of the current plan had not been measured when the report was saved.',
} as const;

export const REFERENCES: readonly { text: string; url: string }[] = [
  {
    text:
      'B.-K. Kim, G. Kim, T.-H. Kim, T. Castells, S. Choi, J. Shin, H.-K. Song: Shortened LLaMA: ' +
      'Depth Pruning for Large Language Models with Comparison of Retraining Methods. 2024.',
    url: 'https://arxiv.org/abs/2402.02834',
  },
];

export const REPORT_DIALOG = {
  title: 'Save report',
  lead:
    'One HTML file with every result of this study, its charts, settings and an explanation of ' +
    'the terms. It opens in any browser and loads nothing from the network.',
  contains: 'The report contains',
  missing: 'Not measured yet, so not in it',
  note: 'Purpose or conclusion (optional)',
  noteHint: 'Appears at the top of the report.',
  save: 'Save report',
  drawing: (title: string, done: number, total: number) =>
    `Drawing the charts, ${done + 1} of ${total}: ${title}`,
  saved: (file: string) => `Saved ${file}.`,
  failed: (problem: string) => `The report could not be saved: ${problem}`,
} as const;
