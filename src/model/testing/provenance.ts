// A provenance record that uses every field, for tests.

import type { Provenance } from '../export/provenance.ts';

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
      {
        index: 0,
        nll: Number.POSITIVE_INFINITY,
        ppl: null,
        nllPerWindow: [Number.POSITIVE_INFINITY, 9],
        ci95: [0.1, 0.2],
      },
      { index: 1, nll: 3.6, ppl: 36.6, nllPerWindow: [3.5, 3.7], ci95: [0.1, 0.2], refused: 'no' },
    ],
    order: [1, 2, 0],
    windows: [
      [1, 2, 3],
      [4, 5, 6],
    ],
    settings: {
      text: 'bundled',
      textSha256: '',
      samples: 2,
      length: 3,
      sampler: 'even',
      seed: 0,
      bos: 'none',
    },
    device: { kind: 'wasm', name: 'CPU' },
    deviceReason: 'The CPU is 3 times as fast.',
    selfTest: {
      passed: true,
      checks: [{ name: 'GQA', ok: true, maxError: null, note: '' }],
      routes: [],
      seconds: 1,
    },
    rewrites: [],
    warnings: ['float16 loses too much.'],
    seconds: 2,
    costRatio: null,
  },
  plan: {
    removed: ['0.ffn', 1, '2.attn'],
    nll: 3.6,
    ppl: 36.6,
    nllPerWindow: [3.5, 3.7],
    seconds: 1,
  },
  study: {
    criteria: [
      { name: 'mag-l1', units: [0, 1, 2], scores: [3, 1, 2], order: [1, 2, 0] },
      {
        name: 'ppl-parts',
        units: ['0.attn', '0.ffn'],
        scores: [Number.POSITIVE_INFINITY, 3.6],
        order: ['0.ffn'],
      },
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
    tasks: [
      {
        variants: [
          { kind: 'original', removed: [] },
          { kind: 'healed', removed: [1, '2.attn'], healing: 'h1' },
        ],
        tasks: [
          {
            task: 'arc_easy',
            source: { files: ['ARC-Easy-Test.jsonl'], builtIn: false },
            rows: 2376,
            sha256: '0f',
            metric: 'acc',
            outcomes: [
              {
                ...{ variant: 0, rows: 200, acc: 0.5, accStderr: 0.0354 },
                ...{ accNorm: 0.45, accNormStderr: 0.0353, difference: null },
              },
              {
                ...{ variant: 1, rows: 120, acc: 0.4, accStderr: 0.0449 },
                ...{ accNorm: null, accNormStderr: null },
                difference: { value: -0.1, ci95: [-0.18, -0.02] },
              },
            ],
          },
        ],
        means: [0.5, null],
        meanDifferences: [null, null],
        settings: { limit: 200, seed: 0, maxLength: 2048, addsBos: true },
        tokens: { run: 9000, unshared: 21_000 },
        device: { kind: 'wasm', name: 'CPU (wasm)' },
        warnings: [],
        at: 1_800_000_000_000,
        seconds: 12.5,
      },
    ],
  },
  versions: { 'onnxruntime-web': '1.30.0' },
};
