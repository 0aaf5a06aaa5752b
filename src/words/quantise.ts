// What the Quantise workspace and its charts say.

export const QUANTISE = {
  title: 'Quantise',
  sub: 'stores the weights in few bits, and measures what that costs before anything is written',
  form: 'How to quantise',
  method: 'Method',
  precision: 'Precision',
  advanced: 'Advanced settings',
  start: 'Quantise and measure',
  running: 'Quantising',
  pause: 'Pause',
  continue: 'Continue',
  paused: 'Paused. Other jobs wait until it is continued or cancelled.',
  outcome: 'Outcome of the quantisation',
  quantised: 'Quantised',
  explained: 'Explained:',
  notIn8Bits: 'For 4 bits.',
  asOnnx: 'What is quantised here is exported as ONNX.',
} as const;

type Method = 'rtn' | 'hqq' | 'gptq';
type Dtype = 'q4' | 'q4f16' | 'q8';

/** The methods as the form offers them, in a sentence each and what it takes. */
export const METHODS: Readonly<Record<Method, { name: string; does: string; takes: string }>> = {
  rtn: {
    name: 'Round to nearest',
    does: 'Rounds each weight to the nearest of the values that its scale allows.',
    takes: 'Needs no text; takes seconds.',
  },
  hqq: {
    name: 'HQQ',
    does: 'Moves the zero points until the rounded weights lie closer to the original ones.',
    takes: 'Needs no text; takes a little longer.',
  },
  gptq: {
    name: 'GPTQ',
    does:
      'Makes up for the rounding of each column in those that follow, by what a text sends ' +
      'through the layer.',
    takes: 'Needs a text; takes longest.',
  },
};

/** The precisions, each with what loads it. */
export const DTYPES: Readonly<Record<Dtype, { name: string; runs: string }>> = {
  q4: {
    name: 'q4: 4 bits, float32 activations',
    runs: 'Runs everywhere: CPU, wasm, WebGPU.',
  },
  q4f16: {
    name: 'q4f16: 4 bits, float16 activations',
    runs: 'Smallest. Made for WebGPU with float16 (shader-f16).',
  },
  q8: {
    name: 'q8: 8 bits, float32 activations',
    runs: 'Loses least; matrices are nearly twice as large as in q4.',
  },
};

export const FIELDS = {
  block: 'Block size',
  blockTerm: 'inputs that share a scale',
  embedding: 'Embedding',
  head: 'Head',
  tables: { keep: 'as it is', 8: '8 bits', 4: '4 bits' },
  symmetric: 'Symmetric',
  floatZeros: 'Zero points as floats',
  notes: {
    symmetric: 'Without zero points: a little smaller, and less exact.',
    floatZeros: 'HQQ gains most with them; rounded, they take fewer bytes.',
  },
  zeroTerm: 'Zero points?',
  accuracy: 'Accuracy level',
  accuracies: { 0: '0: as the activations are', 4: '4: activations in 8 bits' },
  accuracyNote:
    'At level 4, activations are rounded to 8 bits at each matrix, which is faster on CPUs. What ' +
    'that costs is measured with the rest.',
  samples: 'Windows that GPTQ sees',
  length: 'Tokens per window',
} as const;

export const MIXED = {
  legend: 'Mixed precision',
  off: 'off: all matrices in the same bits',
  bytes: 'more bits for the most sensitive ones, at most',
  bytesField: 'Extra megabytes',
  bytesUnit: 'MB more',
  loss: 'more bits until the predicted loss is at most',
  lossField: 'Predicted loss at most, in nats per token',
  lossUnit: 'nats per token',
  note:
    'First measures each matrix alone in 4 bits. Those that cost most are written in 8 bits or ' +
    'as floats. The sum of what the others cost is a prediction; the outcome is measured.',
  notIn8Bits: 'For 4 bits: 8 bits are what sensitive matrices are raised to.',
} as const;

export const QUANTISE_TEXT = {
  heldOut: 'Also measure on another text:',
  noHeldOut: 'none',
  file: 'Choose a file',
} as const;

export const ESTIMATE = {
  running: 'Looking at the matrices.',
  size: (before: string, after: string, change: string) => `${before} → ${after} (${change})`,
  stays: (count: string) => `What stays as it is: ${count}`,
  byChoice: 'kept by choice.',
  matrices: (count: number) => `${count} ${count === 1 ? 'matrix' : 'matrices'}`,
} as const;

export const OUTCOME = {
  caption: 'Perplexity by text, after each step',
  columns: {
    step: 'text and step',
    perplexity: 'perplexity',
    costs: 'this step',
    kl: 'KL',
    top1: 'same top token',
  },
  sizes: (before: string, after: string, change: string) =>
    `Graph and weights ${before} → ${after} (${change}).`,
  changed: 'The settings have changed since: quantise again to measure what they come to.',
  next: 'Next:',
  export: 'Export it',
  speed: 'Measure its speed',
  use: 'Use it and its plan',
} as const;

export const KEPT = {
  title: 'Kept quantisations of this model',
  notStored: 'not stored by this browser: it goes with the page',
  lostHealing: 'its healing is no longer kept',
  show: 'Show',
  erase: 'Erase',
  size: (bytes: string, most: string) =>
    `Kept in this browser, all models together: ${bytes} of at most ${most}. The oldest make room.`,
} as const;

type Stage = 'pruned' | 'healed' | 'quantised';

export const STAGES: Readonly<Record<'original' | Stage, string>> = {
  original: 'original',
  pruned: 'pruned',
  healed: 'healed',
  quantised: 'quantised',
};

export const SETS: Readonly<Record<'windows' | 'held-out', string>> = {
  windows: 'calibration windows',
  'held-out': 'held-out text',
};

/** "+0.0129", "−0.0500": nats per token, four digits behind the point. */
export function signedNats(nats: number): string {
  if (!Number.isFinite(nats)) return Number.isNaN(nats) ? 'not a number' : '∞';
  const size = Math.abs(nats).toFixed(4);
  return `${nats < 0 && Number(size) !== 0 ? '−' : '+'}${size}`;
}

/** "Quantising costs 0.0129 nats per token on the held-out text: perplexity 45.57 → 46.11." */
export function costWords(cost: {
  nats: number;
  set: 'windows' | 'held-out';
  from: string;
  to: string;
}): string {
  const where = cost.set === 'held-out' ? 'on the held-out text' : 'on the calibration windows';
  const ppl = `perplexity ${cost.from} → ${cost.to}`;
  if (!Number.isFinite(cost.nats)) return `Quantising breaks this model ${where}: ${ppl}.`;
  const size = Math.abs(cost.nats).toFixed(4);
  const verb = cost.nats < 0 ? 'gains' : 'costs';
  return `Quantising ${verb} ${size} nats per token ${where}: ${ppl}.`;
}

/** "4 bits (GPTQ) of the model without 2 and 7, refitted." */
export function howWords(
  plan: { removed: string | null; healed: string },
  quantised: string,
): string {
  const of = plan.removed === null ? 'the original' : `the model without ${plan.removed}`;
  return `${quantised} of ${of}${plan.healed && `, ${plan.healed}`}.`;
}

export const PARTS = {
  axis: 'nats per token above the original (dashed)',
} as const;

/** The chart of the parts in sentences, for screen readers; the table has every number. */
export function lossPartsInWords(
  texts: readonly {
    set: 'windows' | 'held-out';
    parts: readonly { stage: Stage; nats: number }[];
  }[],
): string {
  return texts
    .map(({ set, parts }) => {
      const words = parts.map(({ stage, nats }) => `${STAGES[stage]} ${signedNats(nats)}`);
      return `Loss on ${SETS[set]}, in nats per token: ${words.join(', ')}.`;
    })
    .join(' ');
}

export const CHART = {
  title: 'KL with this matrix alone in few bits, nats per token (logarithmic scale)',
  shortTitle: 'KL alone in few bits, nats (logarithmic)',
  block: 'block',
  waiting: 'The first matrix is not measured yet.',
  none: 'Sensitivity of matrices: nothing measured yet.',
  columns: { embedding: 'emb.' } as Readonly<Record<string, string>>,
  parts: (parts: string) => `In each block from left to right: ${parts}.`,
  forms: { 4: '4 bits', 8: '8 bits', float: 'float' },
  byHand: 'set by hand',
  panel: 'Matrices',
  panelSub: 'how sensitive each one is, and in which form it is written',
  table: 'All matrices',
  hint: 'Point at a mark to read it; choose it to set its form.',
  notMeasured:
    'Sensitivities are measured with mixed precision. The form of each matrix can be set in the ' +
    'table all the same.',
} as const;

type Form = 'float' | 4 | 8;

export const formWords = (form: Form): string => CHART.forms[form];

/** "block 7, down"; "head" outside of the blocks. */
export const matrixName = (block: number | null, part: string): string =>
  block === null ? part : `block ${block}, ${part}`;

/** The curve in words, for screen readers. */
export function sensitivityInWords(
  count: number,
  most: { block: number | null; part: string; nats: string },
  least: { block: number | null; part: string; nats: string },
): string {
  const one = (end: typeof most) => `${matrixName(end.block, end.part)}: ${end.nats}`;
  return (
    `Sensitivity of ${count} matrices in nats per token. Most sensitive ${one(most)}. Least ` +
    `sensitive ${one(least)}.`
  );
}

/** "Block 7, down: alone in few bits it costs 0.0123 nats per token; in 8 bits, 328 kB → 87 kB." */
export function matrixWords(matrix: {
  block: number | null;
  part: string;
  nats: string | null;
  form: Form;
  stored: string;
  written: string;
  obstacle: string | null;
}): string {
  const { block, part, nats, form, stored, written, obstacle } = matrix;
  const name = matrixName(block, part);
  const head = `${name.charAt(0).toUpperCase()}${name.slice(1)}:`;
  if (obstacle !== null) return `${head} ${obstacle}`;
  const costs = nats === null ? '' : ` alone in few bits it costs ${nats} nats per token;`;
  const how = form === 'float' ? 'stays float' : `in ${formWords(form)}`;
  return `${head}${costs} ${how}, ${stored} → ${written}.`;
}

export const FORM_CHOICE = {
  legend: (name: string) => `Form of ${name}`,
  /** @param form what it comes to, where that is known */
  auto: (form: Form | null) => (form === null ? 'automatic' : `${formWords(form)} (automatic)`),
  clear: (count: number) => `Forget ${count} choice${count === 1 ? '' : 's'} by hand`,
} as const;

export const MATRIX_COLUMNS = {
  matrix: 'matrix',
  shape: 'outputs × inputs',
  sensitivity: 'KL alone in few bits',
  form: 'form',
  bytes: 'stored → written',
} as const;
