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
  kl: {
    name: 'KL divergence',
    explanation:
      'How far the next-token probabilities of the pruned model are from those of the original, ' +
      'in nats per token. 0 means the same predictions; lower is better.',
  },
  tokensPerSecond: {
    name: 'tok/s',
    explanation:
      'New tokens per second over a whole run: reading the prompt counts, as the user waits for ' +
      'it. Higher is better. The mean of several runs; the range is that of the runs.',
  },
  paired: {
    name: 'Paired',
    explanation:
      'Original and pruned run in turns on the same prompt, and each run is compared with the ' +
      'one beside it. The interval is where the gain lies with 95 % confidence.',
  },
  rebased: {
    name: 'tok/s on one original',
    explanation:
      'The gain times the speed of the original, so that all rows can be compared: measured ' +
      'minutes apart, tokens per second also change with whatever else the machine does. The ' +
      'files have the speeds as measured, too.',
  },
  decode: {
    name: 'Decode',
    explanation:
      'Tokens per second after the first token, one token at a time, without the prompt. Higher ' +
      'is better.',
  },
  prefill: {
    name: 'Prefill',
    explanation: 'Prompt tokens per second while the prompt is read. Higher is better.',
  },
  ttft: {
    name: 'TTFT',
    explanation:
      'Time to the first token: reading the prompt and choosing one token. Lower is better.',
  },
  deviceMemory: {
    name: 'Device memory',
    explanation:
      'Bytes of weights, caches and buffers held during a run, in the GPU’s memory or in that of ' +
      'the tab. Memory inside ONNX Runtime’s kernels is not counted.',
  },
  loadTime: {
    name: 'Load time',
    explanation: 'From the first byte read to a model that is ready to run.',
  },
  protocol: {
    name: 'Protocol',
    explanation:
      'How speed is measured: untimed warm-up runs, timed runs, prompt and new tokens. Quick: ' +
      '2 + 5 runs, 12 prompt and 32 new tokens. The paper’s: 10 + 20 runs, 12 and 128 tokens.',
  },
} as const satisfies Record<string, ExplainedTerm>;

export type TermId = keyof typeof TERMS;
