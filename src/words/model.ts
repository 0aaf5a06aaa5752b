// What the Model card and the card of problems say.

export const MODEL = {
  title: 'Model',
  sub: 'read without its weights',
  family: 'family',
  exporter: 'exporter',
  graph: 'graph',
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
  },
} as const;

export const PROBLEMS = {
  title: 'Worth knowing',
  fixed: (block: number, why: string) => `Block ${block} cannot be removed: ${why}`,
};
