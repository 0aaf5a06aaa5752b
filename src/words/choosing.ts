// What the page says where a folder has several graphs.

/** By the file name: the suffix of the precision, `fp32` for none, `other` for no decoder. */
export const APPS = {
  fp32: 'transformers.js loads it on WebGPU when no dtype is set',
  quantized: 'transformers.js loads it on the CPU when no dtype is set (dtype q8)',
  q4: 'loaded with dtype q4, as most pages with language models do',
  q4f16: 'loaded with dtype q4f16, on WebGPU with float16 only',
  fp16: 'loaded with dtype fp16, on WebGPU with float16 only',
  int8: 'loaded with dtype int8',
  uint8: 'loaded with dtype uint8',
  bnb4: 'loaded with dtype bnb4',
  other: 'by its name not the decoder: it has no blocks to remove',
} as const;

export type GraphUse = keyof typeof APPS;

export const CHOOSER = {
  title: (name: string) => `Which graph of ${name}?`,
  advice:
    'Choose the one that your app loads. Only the graph you choose is exported; open another one ' +
    'later and apply the same plan.',
  recommended: 'Recommended',
  reason:
    'If you are not sure, take the recommended one: it is quick to score and runs on every device.',
};
