// What the Model card and the card of problems say, and where sizes surprise.

import { formatBytes } from '../quantities.ts';

export const MODEL = {
  title: 'Model',
  sub: 'read without its weights',
  family: 'family',
  exporter: 'exporter',
  graph: 'graph',
  file: 'file',
  components: 'other graphs',
  blocks: 'blocks',
  embedding: 'embedding',
  noEmbedding: 'not in this graph',
  head: 'head',
  tied: 'tied to the embedding',
  vocabulary: 'vocabulary',
  context: 'context',
  states: 'other states',
  layouts: {
    'transformers.js': 'transformers.js folder',
    flat: 'flat folder',
    genai: 'ONNX Runtime GenAI folder',
    safetensors: 'Hugging Face checkpoint (safetensors)',
    gguf: 'GGUF for llama.cpp',
  },
} as const;

/** @param dtype of the graph that was made for tensor files */
export const madeGraph = (dtype: string): string =>
  `made by Espalier; computes in float32${
    dtype === 'fp32' ? '' : `, matrices as they are stored (${dtype})`
  }`;

/** What neither the graph nor a config says. */
export const UNKNOWN = 'unknown';

/** Vocabulary and width of the residual stream. */
export const vocabularyAndWidth = (tokens: number | null, width: number | null): string =>
  `${counted(tokens)} tokens, width ${counted(width)}`;

/** A number with its thousands apart. */
export const counted = (n: number | null): string => n?.toLocaleString('en') ?? UNKNOWN;

export const PROBLEMS = {
  title: 'Worth knowing',
  fixed: (block: number, why: string) => `Block ${block} cannot be removed: ${why}`,
};

/** Why the size falls less than the number of parameters. */
export const fallsLess = (what: string, bytes: number, of: number): string =>
  `The size falls less than the parameters: the ${what}, ${formatBytes(bytes)} of ` +
  `${formatBytes(of)}, stays as it is.`;

export const EMBEDDING = 'embedding';
export const EMBEDDING_AND_HEAD = 'embedding and the head together';

/** A head of the size of the embedding that is not tied to it. */
export const storedTwice = (bytes: number): string =>
  `as large as the embedding: the same table is probably stored twice (${formatBytes(bytes)} ` +
  'more, and its parameters count twice)';

/** The share of the bytes that no removal of blocks touches. */
export const shareOfSize = (bytes: number, of: number): string =>
  `${formatBytes(bytes)}, ${Math.round((100 * bytes) / of)} % of the size`;
