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
      'Blocks whose paired difference has a 95 % interval that contains zero: these windows do ' +
      'not show which of them matters less. They share a letter.',
  },
  plan: {
    name: 'Plan',
    explanation: 'The blocks and sublayers to remove. The original has none removed.',
  },
  format: {
    name: 'Format',
    explanation:
      'How a model lies on the disk. safetensors: the checkpoints of Hugging Face, for ' +
      'Transformers and training. GGUF: one file, for llama.cpp. Both hold tensors without a ' +
      'graph, which Espalier makes. ONNX: the graph with its weights, for web pages.',
  },
  continuedPretraining: {
    name: 'Continued pretraining',
    explanation:
      'Training what is left on much general text, on machines with GPUs. After many blocks were ' +
      'removed it wins back more than LoRA alone; the paper trains with it first, then with LoRA.',
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
      'Speed of the pruned model over that of the original, while the two take turns: 1.30 × is ' +
      '30 % faster. What slows the whole machine cancels out.',
  },
  tasksMean: {
    name: 'Mean of the tasks',
    explanation:
      'The plain mean of the accuracies on zero-shot tasks, of each in the metric that it is ' +
      'compared by. Higher is better. Compare it only on the same rows.',
  },
  kl: {
    name: 'KL divergence',
    explanation:
      'How far the next-token probabilities of the pruned model are from those of the original, ' +
      'in nats per token. 0 means the same predictions; lower is better.',
  },
  top1: {
    name: 'Same top token',
    explanation:
      'The share of positions at which original and pruned model find the same next token most ' +
      'likely. Higher is better.',
  },
  nats: {
    name: 'Nats',
    explanation:
      'The unit of a natural logarithm. 0.01 nats more is a perplexity about 1 % higher, 0.1 ' +
      'nats about 11 %.',
  },
  bos: {
    name: 'BOS token',
    explanation:
      'The beginning-of-sequence token that some tokenizers put before a text. Perplexities with ' +
      'and without it do not compare.',
  },
  segments: {
    name: 'Segments',
    explanation:
      'The evaluation text is cut into stretches of equal length, and each is predicted on its ' +
      'own. Longer segments give more context and lower perplexities: compare equal lengths only.',
  },
  zeroShot: {
    name: 'Zero-shot task',
    explanation:
      'Multiple-choice questions that the model answers without examples: it chooses the choice ' +
      'whose text is likeliest to it after the question. Accuracy is the share of right answers; ' +
      'higher is better.',
  },
  accNorm: {
    name: 'Normalised accuracy (acc_norm)',
    explanation:
      'Accuracy where the log-likelihood of each choice is divided by the number of its ' +
      'characters, so that long choices have the same chance. Some tasks are compared by it, ' +
      'others by plain accuracy (acc).',
  },
  stride: {
    name: 'Stride',
    explanation:
      'Tokens from one segment to the next. Each segment predicts only that many of its last ' +
      'tokens; those before are context.',
  },
  interval: {
    name: '95 % interval',
    explanation:
      'How far chance may have moved the number: if it were measured again and again on other ' +
      'windows or segments of the same kind, about 95 of 100 such intervals would contain the ' +
      'true value.',
  },
  resamples: {
    name: 'Resampled windows',
    explanation:
      'The windows are drawn again at random, some twice and some not at all, 2,000 times. If ' +
      'most draws choose the same blocks, the choice does not depend on a few windows.',
  },
  spearman: {
    name: 'Spearman correlation',
    explanation:
      'How alike two orders of the blocks are: 1 is the same order, 0 unrelated, −1 the reverse.',
  },
  angular: {
    name: 'Angular distance',
    explanation:
      'The angle by which one or several blocks in a row turn the hidden state of the last ' +
      'token: 0 to 180 degrees. Small means that they change little (Gromov et al., 2024).',
  },
  blockInfluence: {
    name: 'Block Influence',
    explanation:
      'How much a block changes the direction of the hidden states: 1 minus their mean cosine ' +
      'before and after it. Low means safe to remove (Men et al., ShortGPT, 2024).',
  },
  magnitude: {
    name: 'Magnitude',
    explanation:
      'The size of a block’s weights: the sum of their absolute values (L1) or of their squares ' +
      '(L2). Needs no text, and predicts perplexity poorly (Kim et al., 2024).',
  },
  taylor: {
    name: 'Taylor',
    explanation:
      'How much the mean NLL would change, to first order, without each weight of a block: the ' +
      'sum of weight times gradient, without signs. Takes one backward pass (Kim et al., 2024).',
  },
  oneShot: {
    name: 'One-shot',
    explanation:
      'All blocks are removed at once by one order that was measured on the whole model. Fast, ' +
      'and blind to how blocks make up for each other.',
  },
  iterative: {
    name: 'Iterative',
    explanation:
      'One block is removed, then the rest is scored again, and so on (Song et al., SLEB, 2024). ' +
      'Takes longer, and often gives a lower perplexity when many blocks go.',
  },
  greedy: {
    name: 'Greedy',
    explanation:
      'Always the most likely next token: at temperature 0 the same prompt gives the same text.',
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
      'Original and pruned take turns on the same prompt, and each run is compared with the ' +
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
  healing: {
    name: 'Healing',
    explanation:
      'Changing the weights that are left so that the pruned model behaves like the original ' +
      'again: by refitting or by training. It changes neither size nor speed.',
  },
  refit: {
    name: 'Refit',
    explanation:
      'One weight matrix before each run of removed blocks is solved for by least squares, so ' +
      'that its output is what the run would have given (after ReplaceMe, Shopkhoev et al., 2025).',
  },
  lora: {
    name: 'LoRA',
    explanation:
      'Low-rank adaptation: beside each weight matrix a product of two small ones is trained, ' +
      'and added to it at the end (Hu et al., 2021). The rank is their inner size.',
  },
  heldOut: {
    name: 'Held-out part',
    explanation:
      'The end of the text, which healing never sees. What improves there has not been learned ' +
      'by heart.',
  },
  recovered: {
    name: 'Recovered',
    explanation:
      'The share of the loss per token (NLL) that pruning added and healing took away again, on ' +
      'text that it has not seen. 100 % is as good as the original; more than that also comes ' +
      'from learning this kind of text.',
  },
  control: {
    name: 'Control',
    explanation:
      'The original, trained on the same text to predict the next token, with the same settings. ' +
      'Training on a text lowers the perplexity on its kin even without pruning: only what the ' +
      'healed model gains beyond that is healing.',
  },
  quantisation: {
    name: 'Quantisation',
    explanation:
      'Storing weights as small whole numbers with a scale for each block of inputs. In 4 bits a ' +
      'matrix takes about a sixth of its float32 bytes; every weight is then a little off.',
  },
  blockSize: {
    name: 'Block size',
    explanation:
      'So many inputs of an output share one scale and one zero point. Smaller blocks are more ' +
      'exact and take more bytes. 32 is usual on the web; the paper has 128.',
  },
  zeroPoint: {
    name: 'Zero point',
    explanation:
      'The stored number that stands for 0. With one for each block, the values that can be ' +
      'written need not lie evenly around 0; without, the quantisation is symmetric.',
  },
  hqq: {
    name: 'HQQ',
    explanation:
      'Half-quadratic quantisation: moves the zero points so that rounding errors are small, ' +
      'without letting a few large weights decide (Badri and Shaji, 2023). Needs no text.',
  },
  gptq: {
    name: 'GPTQ',
    explanation:
      'Rounds a matrix column by column and makes up for each error in the columns that follow, ' +
      'by second-order statistics of a text (Frantar et al., 2022).',
  },
  sensitivity: {
    name: 'Sensitivity of a matrix',
    explanation:
      'The KL divergence from the model as it is to the model with this matrix alone in few bits, ' +
      'in nats per token: in 4, or in the 8 that were chosen for it. High means that the matrix is ' +
      'better kept in more bits.',
  },
  mixedPrecision: {
    name: 'Mixed precision',
    explanation:
      'Different matrices in different numbers of bits: 4 for most, 8 or floats where 4 cost most ' +
      'per byte that is saved.',
  },
  protocol: {
    name: 'Protocol',
    explanation:
      'How speed is measured: untimed warm-up runs, timed runs, prompt and new tokens. Quick: ' +
      '2 + 5 runs, 12 prompt and 32 new tokens. The paper’s: 10 + 20 runs, 12 and 128 tokens.',
  },
} as const satisfies Record<string, ExplainedTerm>;

export type TermId = keyof typeof TERMS;
