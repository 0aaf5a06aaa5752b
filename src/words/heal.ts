// What the Heal workspace, the refit switch and the chart of a training say.

export const HEAL = {
  title: 'Heal',
  sub: 'recovers quality that the removal cost',
  form: 'How to heal',
  running: 'Healing',
  method: 'Method',
  explained: 'Explained:',
  healingTerm: 'healing',
  strength: 'Strength',
  advanced: 'Advanced settings',
  start: 'Heal this plan',
  stop: 'Stop, keep the best',
  stopping: 'Stopping',
  pause: 'Pause',
  continue: 'Continue',
  paused: 'Paused. Other jobs wait until it is continued, stopped or cancelled.',
  controlRuns:
    'The original is trained on the same text to predict the next token, to compare with.',
  outcome: 'Outcome of the healing',
  healed: 'Healed',
  measured: 'Perplexity by text, before and after healing',
  recoveredTerm: 'What does this mean?',
  nothing: 'The training has changed nothing: its start was its best state.',
  nothingAfterRefit: 'The weights are those of the refit before it.',
  next: 'Next:',
  use: 'Use it for this plan',
  undo: 'Undo the healing',
  measureSpeed: 'Measure its speed',
  sideBySide: 'Read both side by side',
  export: 'Export it',
  control: 'Train the original on the same text',
  whyControl:
    'Training on a text helps even a model that has lost nothing. This trains the original to ' +
    'predict the next token, all else the same, and shows how much of the gain is that.',
  whyNextToken:
    'The original is its own teacher and would learn nothing from KL to itself: its training ' +
    'shows what the text does to any model.',
  kept: 'Kept healings of this model',
  notStored: 'not stored by this browser: it goes with the page',
  show: 'Show',
  useShort: 'Use',
  inUse: 'In use',
  erase: 'Erase',
  better: 'better',
  worse: 'worse',
} as const;

type Method = 'refit' | 'lora' | 'full';

/** The methods as the form offers them: what each does and what it costs. */
export const METHODS: Readonly<Record<Method, { name: string; does: string; costs: string }>> = {
  refit: {
    name: 'Refit',
    does:
      'Recomputes one weight matrix before each run of removed blocks, so that its output comes ' +
      'close to what the run gave.',
    costs: 'Takes seconds, no training.',
  },
  lora: {
    name: 'LoRA',
    does:
      'Trains small additions to all weight matrices; merged at the end, so the model is as fast ' +
      'as the pruned one.',
    costs: 'Takes minutes or more.',
  },
  full: {
    name: 'Full weights of the last blocks',
    does: 'Trains every weight of the last kept blocks. For small models.',
    costs: 'Takes minutes or more, and most memory.',
  },
};

/** "Refit, then LoRA". */
export const methodsWords = (methods: readonly Method[]): string =>
  methods
    .map((method) => METHODS[method].name)
    .join(', then ')
    .replace(', then Full', ', then full');

export const PRESET_WORDS = {
  quick: 'Quick',
  thorough: 'Thorough',
  paper: 'The paper’s recipe',
  own: 'As set below',
} as const;

/** "40 steps of 4 × 128 tokens, KL to the original". */
export function strengthWords(train: {
  steps: number;
  batch: number;
  length: number;
  kl: number;
}): string {
  const { steps, batch, length, kl } = train;
  const plural = steps === 1 ? '' : 's';
  const size = `${steps.toLocaleString('en')} step${plural} of ${batch} × ${length} tokens`;
  return `${size}, ${lossWords(kl)}`;
}

function lossWords(kl: number): string {
  if (kl === 1) return TRAIN_FIELDS.kl;
  return kl === 0 ? TRAIN_FIELDS.nll : TRAIN_FIELDS.share(kl);
}

export const REFIT_FIELDS = {
  all: 'Refit every kept block after the first removal (a little better, takes longer)',
  samples: 'Windows',
  allWindows: 'all of the text',
  length: 'Tokens per window',
  ridge: 'Ridge',
} as const;

export const TRAIN_FIELDS = {
  refitFirst: 'Refit first',
  loss: 'Loss',
  kl: 'KL to the original',
  nll: 'next token (NLL)',
  mixed: 'half of each',
  share: (kl: number) => `${Math.round(kl * 100)} % KL, the rest next token`,
  steps: 'Steps',
  batch: 'Sequences per step',
  length: 'Tokens per sequence',
  rate: 'Learning rate',
  warmup: 'Warm-up steps',
  schedule: 'Schedule',
  cosine: 'cosine',
  constant: 'constant',
  rank: 'LoRA rank',
  alpha: 'LoRA alpha',
  dropout: 'LoRA dropout',
  matrices: 'Query, key and value',
  fused: 'as the graph has them',
  split: 'apart, as PEFT has them',
  blocks: 'Blocks from the end',
  norms: 'Norms of these blocks as well',
  head: 'Head as well',
  weightDecay: 'Weight decay',
  maxNorm: 'Clip gradients at',
  notClipped: 'not clipped',
  heldOutEvery: 'Steps between two measurements',
  seed: 'Seed',
} as const;

export const HEAL_TEXT = {
  heldOut: 'Hold out the last',
  heldOutTerm: 'of the text',
  foreign: 'Also measure on another text:',
  noForeign: 'none',
  foreignFile: 'Choose a file',
} as const;

/** "1,200 instructions; the answers are learned". */
export const instructionsWords = (count: number): string =>
  `${count.toLocaleString('en')} instruction${count === 1 ? '' : 's'}; the answers are learned.`;

export const ESTIMATE = {
  ask: 'How long will it take, and how much memory?',
  running: 'Measuring two steps.',
  takes: (about: string) => `Takes ${about}.`,
  changes: (weights: string, bytes: string) =>
    `Changes ${weights} weights; ${bytes} are kept afterwards.`,
} as const;

export const LOSSES = {
  title: 'loss, nats per token',
  step: 'step',
  training: 'training',
  heldOut: 'held-out part',
  kept: (step: number) => `kept: step ${step}`,
  numbers: 'Numbers on the held-out part',
  waiting: 'The first step is not finished yet.',
} as const;

/** The chart of a training in a sentence or two, for screen readers. */
export function lossesInWords(chart: {
  step: number;
  steps: number;
  training: string | null;
  heldOut: readonly { step: number; loss: string }[];
}): string {
  const { step, steps, training, heldOut } = chart;
  const at = (one: { step: number; loss: string }) => `${one.loss} at step ${one.step}`;
  const first = heldOut[0];
  const last = heldOut.at(-1);
  return [
    `Loss over ${step} of ${steps} training steps.`,
    training !== null && `Training loss now ${training} nats per token.`,
    first && last && first !== last
      ? `On the held-out part ${at(first)}, ${at(last)}.`
      : first && `On the held-out part ${at(first)}.`,
  ]
    .filter(Boolean)
    .join(' ');
}

export const stepOf = (step: number, steps: number): string => `step ${step} of ${steps}`;

/** The texts that were measured, as rows of the table. */
export const SETS: Readonly<Record<'fit' | 'held-out' | 'foreign', string>> = {
  fit: 'seen in healing',
  'held-out': 'held out',
  foreign: 'another text',
};

export const COLUMNS = {
  text: 'perplexity on text',
  original: 'original',
  pruned: 'pruned',
  healed: 'healed',
  control: 'original, trained on the same text',
} as const;

/** "3,048 tokens". */
export const predictedWords = (tokens: number): string =>
  `${tokens.toLocaleString('en')} token${tokens === 1 ? '' : 's'}`;

/** "Recovered 62 % of what was lost, on the held-out part." */
export function recoveredWords(share: number, onHeldOut: boolean): string {
  const where = onHeldOut ? 'the held-out part' : 'another text';
  if (share < 0) return `It did not help: on ${where}, the model is worse than before healing.`;
  return `Recovered ${Math.round(share * 100)} % of what was lost, on ${where}.`;
}

export const NOT_EVIDENCE =
  'The text seen in healing is no evidence: perplexity on it also falls by learning it by heart.';

/** "without 2 and 7". */
export const without = (units: string): string => `without ${units}`;

export const howHealed = (methods: string, units: string, text: string): string =>
  `${methods} of the model ${without(units)}, on ${text}.`;

export const stoppedWords = (step: number, steps: number): string =>
  `Stopped after ${stepOf(step, steps)}.`;

export const keptSize = (bytes: string, most: string): string =>
  `Kept in this browser, all models together: ${bytes} of at most ${most}. The oldest make room.`;

export const REFIT = {
  label: 'Refit',
  what: 'wins back quality in seconds, no training;',
  why: 'how?',
  now: 'Refit',
  running: 'Refitting',
  waits: 'Refits once the device is free.',
} as const;
