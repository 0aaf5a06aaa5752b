// What the state of the page says of healing: announcements, obstacles, problems of the form, names
// of healed plans.

import { aboutSeconds } from './duration.ts';

export const METHOD_NAMES = { refit: 'refit', lora: 'LoRA', full: 'full training' } as const;

type Method = keyof typeof METHOD_NAMES;

/** "refitted", "healed (LoRA)", "refitted and healed (LoRA)", "healed (full training)". */
export function healedWords(methods: readonly Method[]): string {
  const trained = methods.filter((method) => method !== 'refit');
  const words = [
    methods.includes('refit') && 'refitted',
    trained.length > 0 && `healed (${trained.map((one) => METHOD_NAMES[one]).join(', ')})`,
  ];
  return words.filter((word) => word !== false).join(' and ');
}

/** Beside a speed that was measured without the healing. */
export const AS_PRUNED = 'without the healing';
/** Under the name of such a variant. */
export const SPEED_MEASURED_AS_PRUNED = 'speed measured without the healing';

export const SPEED_AS_PRUNED =
  'The speed is that of the pruned plan: healed weights are as many and of the same sizes. Press ' +
  'Measure to run the healed ones.';

/** Of a healing that is no longer there. */
export const HEALED = 'healed';

export const HEALING_SAID = {
  started: 'Healing has started.',
  controlStarted: 'Training of the original has started.',
  controlDone: 'The original has been trained on the same text.',
  stopping: 'The training ends after this step; the best state is kept.',
  paused: 'Healing is paused.',
  continues: 'Healing continues.',
  cancelled: 'Healing was cancelled.',
  cancelledTraining: 'Healing was cancelled. It can be resumed.',
  cancelledControl: 'The training of the original was cancelled.',
  back: 'The plan has the weights of the source again.',
  erased: 'The healing was erased.',
  allErased: 'All healings of this model were erased.',
  dropped:
    'The healing of this plan is no longer kept in this browser: the plan has the weights of the ' +
    'source again.',
  nothing:
    'No step of the training was better than its start: the plan keeps its weights. Try another ' +
    'learning rate, more steps, or other text.',
  notInFile: 'Its healed weights are not in the file: the plan has the weights of the source.',
  notStored:
    'This browser could not store the healing: it stays until the page is closed. Export it to ' +
    'keep it.',
} as const;

/** Perplexity of a text before and after. */
export const healed = (ppls: { name: string; pruned: string; healed: string } | null): string =>
  ppls
    ? `The plan is healed. Perplexity on ${ppls.name} ${ppls.healed}, before ${ppls.pruned}.`
    : 'The plan is healed.';

export const rose = (name: string): string =>
  `On ${name}, which the healing has not seen, the loss has risen: the plan keeps its weights. ` +
  'The healing is listed all the same.';

export const madeRoom = (names: readonly string[]): string =>
  `To make room, ${names.length === 1 ? 'an older healing was' : 'older healings were'} erased: ` +
  `${names.join('; ')}.`;

export const nowUsed = (name: string): string => `The plan is now ${name}.`;

/** Why nothing can be healed now. */
export const OBSTACLES = {
  noModel: 'No model is open.',
  noPlan: 'Remove blocks first: healing gives a pruned model its quality back.',
  noMethod: 'Choose a method.',
  noTokenizer: 'A text needs a tokenizer, and this folder has none.',
  textMissing: 'Paste a text, or choose another one.',
} as const;

/** What is wrong with a field of the form. */
export const PROBLEMS = {
  whole: (least: number) => `A whole number, ${least} or more.`,
  positive: 'A number above 0.',
  belowOne: 'A number from 0 to below 1.',
  share: (most: string) => `A share from 0 to ${most}.`,
  length: (most: number) => `2 to ${most} tokens, which is as much as the model takes.`,
  blocks: (most: number) => `1 to ${most} blocks, which is as many as are left.`,
  rank: (most: number) => `A whole number from 1 to ${most}.`,
  warmup: 'At most as many as there are steps.',
  seed: 'A whole number from 0 to 4294967295.',
} as const;

export const willUse = (name: string): string => `A healing will use ${name}.`;
export const willMeasureOn = (name: string): string =>
  `A healing will also be measured on ${name}.`;

/** Texts of an interrupted healing that were too long to be stored. */
export const textsMissing = (names: readonly string[]) => ({
  message:
    `${names.join(' and ')} ${names.length === 1 ? 'was' : 'were'} too long to be stored with ` +
    'the interrupted healing.',
  hint: 'Give the same text again and press Heal: it then continues where it was interrupted.',
});

export const emptyText = (name: string) => ({
  message: `${name} is empty.`,
  hint: 'Give a text of a few thousand words.',
});

/** The refit that goes with the switch. */
export const REFIT = {
  asks: (seconds: number): string =>
    `A refit of this plan takes ${aboutSeconds({ low: seconds, high: seconds })}: it starts ` +
    'when you ask for it.',
  unknown: 'How long a refit of this plan takes is not known: it starts when you ask for it.',
  done: 'The plan is refitted.',
  rose:
    'On the part of the text that it has not seen, a refit raises the loss of this plan: ' +
    'it keeps its weights.',
} as const;
