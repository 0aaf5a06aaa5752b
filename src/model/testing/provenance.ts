// A provenance record with every field in use, for tests; must not be imported by the product.

import type { Provenance } from '../provenance.ts';

export const EXAMPLE: Provenance = {
  app: '0.1.0',
  source: {
    name: 'tiny',
    family: 'llama',
    numBlocks: 3,
    graph: 'onnx/model.onnx',
    graphSha256: 'ab',
    files: [{ path: 'onnx/model.onnx', bytes: 10 }],
    weightsSha256: 'cd',
  },
  removed: ['0.ffn', 1, '2.attn'],
  renumbering: [
    { block: 0, newBlock: 0, state: 0, newState: 0 },
    { block: 2, newBlock: 1, state: 2, newState: null },
  ],
  parts: [['attn'], ['ffn']],
  score: {
    baseline: { nll: 3.5, ppl: 33.1, nllPerWindow: [3.4, 3.6] },
    blocks: [
      { index: 0, nll: Number.POSITIVE_INFINITY, ppl: null, nllPerWindow: [Number.POSITIVE_INFINITY, 9], ci95: [0.1, 0.2] },
      { index: 1, nll: 3.6, ppl: 36.6, nllPerWindow: [3.5, 3.7], ci95: [0.1, 0.2], refused: 'no' },
    ],
    order: [1, 2, 0],
    windows: [
      [1, 2, 3],
      [4, 5, 6],
    ],
    settings: { text: 'bundled', textSha256: '', samples: 2, length: 3, sampler: 'even', seed: 0, bos: 'none' },
    device: { kind: 'wasm', name: 'CPU' },
    selfTest: { passed: true, checks: [{ name: 'GQA', ok: true, maxError: null, note: '' }], routes: [], seconds: 1 },
    rewrites: [],
    warnings: ['float16 loses too much.'],
    seconds: 2,
    costRatio: null,
  },
  plan: { removed: ['0.ffn', 1, '2.attn'], nll: 3.6, ppl: 36.6, nllPerWindow: [3.5, 3.7], seconds: 1 },
  study: {
    criteria: [
      { name: 'mag-l1', units: [0, 1, 2], scores: [3, 1, 2], order: [1, 2, 0] },
      { name: 'ppl-parts', units: ['0.attn', '0.ffn'], scores: [Number.POSITIVE_INFINITY, 3.6], order: ['0.ffn'] },
    ],
    search: [{ block: 1, nll: 3.6 }],
    evaluations: [
      {
        text: 'test.txt',
        textSha256: 'ef',
        removed: [1, '2.attn'],
        segment: 128,
        stride: null,
        bos: 'none',
        segments: 4,
        predicted: 508,
        originalNll: 3.4,
        planNll: 3.5,
        top1Agreement: 0.9,
        klDivergence: Number.POSITIVE_INFINITY,
      },
      {
        text: 'test.txt',
        textSha256: 'ef',
        removed: [],
        segment: 128,
        stride: 64,
        bos: 'every',
        segments: 4,
        predicted: 508,
        originalNll: 3.4,
        planNll: null,
        top1Agreement: null,
        klDivergence: null,
      },
    ],
  },
  versions: { 'onnxruntime-web': '1.30.0' },
};
