// The terms that the page explains where they stand, and the help dialog in one list.

interface ExplainedTerm {
  /** As a heading. */
  name: string;
  /** One to three sentences; says which direction is better where there is one. */
  explanation: string;
}

export const TERMS = {
  perplexity: {
    name: 'Perplexity (PPL)',
    explanation:
      'How surprised the model is by a text: exp of the mean negative log-likelihood per token. ' +
      'Lower is better. Compare it only between runs on the same text and windows.',
  },
  score: {
    name: 'Score of a block',
    explanation:
      'The perplexity of the model without that block. A low score means that the block matters ' +
      'little and can be removed.',
  },
  block: {
    name: 'Block',
    explanation:
      'One transformer block: attention and feed-forward with their norms. A model is a stack of ' +
      'them; removing some makes it smaller and faster.',
  },
  sublayer: {
    name: 'Sublayer',
    explanation: 'The attention or the feed-forward of a block, removed on its own.',
  },
  windows: {
    name: 'Calibration windows',
    explanation:
      'The stretches of text on which blocks are scored, for example 10 windows of 128 tokens. ' +
      'More windows give steadier scores and take longer.',
  },
  noise: {
    name: 'Within noise of each other',
    explanation:
      'Blocks whose paired 95 % intervals overlap: these windows do not show which of them ' +
      'matters less. They share a letter.',
  },
  plan: {
    name: 'Plan',
    explanation: 'The blocks and sublayers to remove. The original has none removed.',
  },
  size: {
    name: 'Size',
    explanation: 'Bytes of the graph and weights that an export writes.',
  },
  parameters: {
    name: 'Parameters',
    explanation: 'Numbers in the weights. At lower precision each takes fewer bytes.',
  },
  kvCache: {
    name: 'KV cache',
    explanation:
      'Keys and values of earlier tokens, kept while text is generated. It grows with every ' +
      'token; fewer blocks need less of it.',
  },
  gain: {
    name: 'Gain',
    explanation:
      'Speed of the pruned model over that of the original, measured in turns: 1.30 × is 30 % ' +
      'faster. What slows the whole machine cancels out.',
  },
} as const satisfies Record<string, ExplainedTerm>;

export type TermId = keyof typeof TERMS;
