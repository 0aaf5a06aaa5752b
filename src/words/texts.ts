// What the choice of a text says, for scoring, evaluation, healing and quantising.

export const TEXTS = {
  legend: 'Text',
  paste: 'pasted text',
  file: 'Choose a file',
  use: 'Use this text',
  inUse: 'In use',
  tokenIds: 'Windows of token ids.',
  scoring: {
    label: 'Calibration text',
    placeholder: 'A few thousand words, or windows of token ids as [[1, 2, 3], [4, 5, 6]]',
    note:
      'Use a different text from the one you evaluate on. You can also drop a .txt file on the ' +
      'page.',
  },
  evaluation: {
    label: 'Evaluation text',
    placeholder: 'A few hundred words or more',
    note: 'WikiText-2, PTB or any other text. You can also drop a .txt file on the page.',
  },
  healing: {
    label: 'Text to heal on',
    placeholder: 'A few thousand words, or instructions as JSON or JSONL',
    note:
      'The more it is like what the model is for, the better. Instructions (Alpaca) go through ' +
      'the chat template of the model; only answers are learned.',
  },
  foreign: {
    label: 'Another text to measure on',
    placeholder: 'A few hundred words of another kind',
    note: 'It tells whether the model got better in general or only on texts like the first one.',
  },
  quantising: {
    label: 'Calibration text',
    placeholder: 'A few thousand words',
    note:
      'GPTQ and sensitivities are taken from it, and the loss is measured on its windows. The ' +
      'more like what the model is for, the better.',
  },
  quantisingHeldOut: {
    label: 'Another text to measure on',
    placeholder: 'A few hundred words or more',
    note: 'What few bits cost on a text that nothing was chosen by.',
  },
} as const;

/** "5 tokens; one segment needs 128", "2,310 tokens". */
export function countWords(tokens: number, needed: number, noun: 'window' | 'segment'): string {
  const count = `${tokens.toLocaleString('en')} token${tokens === 1 ? '' : 's'}`;
  return tokens < needed ? `${count}; one ${noun} needs ${needed}` : count;
}
