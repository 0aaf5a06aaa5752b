// What the state of the page says of quantising: announcements, obstacles, problems of the form,
// names of quantised plans.

type Method = 'rtn' | 'hqq' | 'gptq';

const METHOD_NAMES: Readonly<Record<Method, string>> = {
  rtn: 'RTN',
  hqq: 'HQQ',
  gptq: 'GPTQ',
};

/** Beside the bits, in names: "4 bits, float16 (GPTQ)". */
const ACTIVATIONS = { q4: '', q4f16: ', float16', q8: '' } as const;

export interface NamedQuantisation {
  dtype: keyof typeof ACTIVATIONS;
  settings: { method: Method; bits: 4 | 8; block: number };
  /** Some matrices take more bits than the others. */
  isMixed: boolean;
}

/** "4 bits (GPTQ)", "4 bits, float16 (RTN, mixed)", "8 bits (RTN, block 64)". */
export function quantisedWords({ dtype, settings, isMixed }: NamedQuantisation): string {
  const { method, bits, block } = settings;
  const how = [METHOD_NAMES[method], block !== 32 && `block ${block}`, isMixed && 'mixed'].filter(
    Boolean,
  );
  return `${bits} bits${ACTIVATIONS[dtype]} (${how.join(', ')})`;
}

/** What the windows of the curve are called beside what was measured on them. */
export const WINDOWS = 'the windows of the curve';

/** Of a quantisation that is no longer there. */
export const QUANTISED = 'quantised';

export const QUANTISING_SAID = {
  started: 'Quantising has started.',
  paused: 'Quantising is paused.',
  continues: 'Quantising continues.',
  cancelled: 'Quantising was cancelled.',
  canResume: 'Quantising was cancelled. It can be resumed.',
  erased: 'The quantisation was erased.',
  allErased: 'All quantisations of this model were erased.',
  notInFile: 'What GPTQ computed is not in the file: quantise the plan again, in Quantise.',
  notStored:
    'This browser could not store the quantisation: it stays until the page is closed. Export it ' +
    'to keep it.',
} as const;

/** Perplexity of a text, of the original and of what will be written. */
export const quantisedTo = (name: string, ppls: { original: string; quantised: string }): string =>
  `Quantised. Perplexity on ${name} ${ppls.quantised}, of the original ${ppls.original}.`;

export const QUANTISED_UNMEASURED = 'Quantised. Without a text nothing was measured.';

export const madeRoom = (names: readonly string[]): string =>
  `To make room, ${
    names.length === 1 ? 'an older quantisation was' : 'older quantisations were'
  } erased: ${names.join('; ')}.`;

export const nowUsed = (name: string): string => `The plan is now ${name}.`;

/** Why nothing can be quantised now. */
export const OBSTACLES = {
  noModel: 'No model is open.',
  noTokenizer: 'A text needs a tokenizer, and this folder has none. RTN and HQQ need no text.',
  textMissing: 'Paste a text, or choose another one.',
  gptqFirst: 'GPTQ takes its statistics from a text: quantise the plan first, in Quantise.',
  healedStored:
    'This precision is made from float32 weights, and the healing is of those in few bits that ' +
    'the file has. Choose the original weights, or another precision.',
  mixedFirst:
    'Which matrices keep more bits is chosen by a text: quantise the plan first, in Quantise.',
} as const;

/** What is wrong with a field of the form. */
export const PROBLEMS = {
  bytes: 'A number of megabytes above 0.',
  nats: 'A number above 0.',
  samples: (most: number) => `A whole number from 1 to ${most}.`,
  length: (most: number) => `2 to ${most} tokens, which is as much as the model takes.`,
} as const;

export const willUse = (name: string): string => `Quantising will use ${name}.`;
export const willMeasureOn = (name: string): string =>
  `Quantising will also be measured on ${name}.`;

/** Texts of an interrupted quantisation that were too long to be stored. */
export const textsMissing = (names: readonly string[]) => ({
  message:
    `${names.join(' and ')} ${names.length === 1 ? 'was' : 'were'} too long to be stored with ` +
    'the interrupted quantisation.',
  hint: 'Give the same text again and press Quantise: it then continues where it was interrupted.',
});

export const emptyText = (name: string) => ({
  message: `${name} is empty.`,
  hint: 'Give a text of a few thousand words.',
});

/** The healing of a plan that was quantised. */
export const healingGone = {
  message: 'The healing that was quantised is no longer kept.',
  hint: 'Heal the plan again, and quantise it again.',
} as const;

/** The healing that an interrupted quantisation began with. */
export const healingMissing = {
  message: 'The healing of this plan is no longer kept, so its quantisation cannot be continued.',
  hint: 'Discard the interrupted run, heal the plan again, and press Quantise.',
} as const;
