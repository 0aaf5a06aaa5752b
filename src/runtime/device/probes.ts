// Tiny programs for the self-test; the CPU provider gives the answers to compare with.

import type { Program, ProgramInput } from '../../model/programs/program.ts';
import { encodeModel } from '../../onnx/codec.ts';
import { type Attribute, DataType, type Graph, type Node } from '../../onnx/graph.ts';
import { count, filled, type HostTensor } from './host.ts';

export interface Probe {
  program: Program;
  feeds: Map<string, HostTensor>;
  /** Output to compare, float32. */
  output: string;
}

/** Prefill length at which wrong attention kernels showed (runtime notes: 32 to 128). */
const TOKENS = 64;
const HEADS = 4;
const KV_HEADS = 2;
const HEAD_SIZE = 32;

/** Grouped-query attention over a prefill without cache; `softcap` 0 = none. */
export function attentionProbe(softcap: number): Probe {
  const attributes: Attribute[] = [
    { name: 'num_heads', kind: 'int', value: HEADS },
    { name: 'kv_num_heads', kind: 'int', value: KV_HEADS },
  ];
  if (softcap > 0) attributes.push({ name: 'softcap', kind: 'float', value: softcap });
  const attend = node(
    'GroupQueryAttention',
    ['query', 'key', 'value', '', '', 'lengths', 'total'],
    ['attended'],
    attributes,
    'com.microsoft',
  );
  const feeds = new Map<string, HostTensor>([
    ['query', noise([1, TOKENS, HEADS * HEAD_SIZE], 1, 2)],
    ['key', noise([1, TOKENS, KV_HEADS * HEAD_SIZE], 2, 2)],
    ['value', noise([1, TOKENS, KV_HEADS * HEAD_SIZE], 3, 1)],
    ['lengths', filled('int32', [1], TOKENS - 1)],
    ['total', filled('int32', [], TOKENS)],
  ]);
  return probe(softcap > 0 ? 'probe-softcap' : 'probe-attention', [attend], feeds, 'attended');
}

/** sin and cos of angles as rotary tables have them. */
export function anglesProbe(): Probe {
  const angles = Float32Array.from({ length: 512 }, (_, k) => k / 4);
  const feeds = new Map<string, HostTensor>([
    ['angles', { type: 'float32', dims: [512], data: angles }],
  ]);
  return probe(
    'probe-angles',
    [
      node('Sin', ['angles'], ['sines']),
      node('Cos', ['angles'], ['cosines']),
      node('Concat', ['sines', 'cosines'], ['both'], [{ name: 'axis', kind: 'int', value: 0 }]),
    ],
    feeds,
    'both',
  );
}

/** The head's log-sum-exp at logits around 200, where a naive exponential overflows. */
export function likelihoodProbe(): Probe {
  const logits = noise([8, 512], 4, 200);
  const axes: Attribute = { name: 'keepdims', kind: 'int', value: 1 };
  const feeds = new Map<string, HostTensor>([
    ['logits', logits],
    ['axes', filled('int64', [1], 1)],
  ]);
  return probe(
    'probe-likelihood',
    [
      node('ReduceMax', ['logits', 'axes'], ['highest'], [axes]),
      node('Sub', ['logits', 'highest'], ['shifted']),
      node('Exp', ['shifted'], ['powers']),
      node('ReduceSum', ['powers', 'axes'], ['sum'], [axes]),
      node('Log', ['sum'], ['logSum']),
      node('Sub', ['logSum', 'shifted'], ['nll']),
    ],
    feeds,
    'nll',
  );
}

/** A product of matrices, the bulk of every block. */
export function productProbe(): Probe {
  const feeds = new Map<string, HostTensor>([
    ['left', noise([1, TOKENS, 96], 5, 1)],
    ['right', noise([96, 160], 6, 1)],
  ]);
  return probe('probe-product', [node('MatMul', ['left', 'right'], ['product'])], feeds, 'product');
}

/** Sizes of a block of a 135M decoder. */
const WIDTH = 576;
const INNER = 1536;

/**
 * The matrix products of a decoder block at 128 tokens, weights fed as in the programs: 1 GFLOP.
 */
export function blockProbe(): Probe {
  const weight = (rows: number, columns: number) => filled('float32', [rows, columns], 0.01);
  const feeds = new Map<string, HostTensor>([
    ['state', noise([1, 128, WIDTH], 7, 1)],
    ...['query', 'key', 'value', 'joined'].map((name) => [name, weight(WIDTH, WIDTH)] as const),
    ['gate', weight(WIDTH, INNER)],
    ['up', weight(WIDTH, INNER)],
    ['down', weight(INNER, WIDTH)],
  ]);
  const nodes = [
    ...['query', 'key', 'value'].map((name) => node('MatMul', ['state', name], [`${name} out`])),
    node('Add', ['query out', 'key out'], ['query and key']),
    node('Add', ['query and key', 'value out'], ['attended']),
    node('MatMul', ['attended', 'joined'], ['middle']),
    node('MatMul', ['middle', 'gate'], ['gate out']),
    node('MatMul', ['middle', 'up'], ['up out']),
    node('Mul', ['gate out', 'up out'], ['gated']),
    node('MatMul', ['gated', 'down'], ['next']),
  ];
  return probe('probe-block', nodes, feeds, 'next');
}

function node(
  op: string,
  inputs: string[],
  outputs: string[],
  attributes: Attribute[] = [],
  domain = '',
): Node {
  return {
    name: outputs[0] ?? op,
    op,
    domain,
    inputs,
    outputs,
    attributes: new Map(attributes.map((a) => [a.name, a])),
  };
}

const TYPES = { float32: DataType.float, int32: DataType.int32, int64: DataType.int64 } as const;

function probe(id: string, nodes: Node[], feeds: Map<string, HostTensor>, output: string): Probe {
  const graph: Graph = {
    name: id,
    nodes,
    // Axes must be known when the session is made; everything else is fed.
    initializers: new Map(
      [...feeds]
        .filter(([name]) => name === 'axes')
        .map(([name]) => [name, { name, type: DataType.int64, dims: [1], data: ONE }]),
    ),
    inputs: [...feeds]
      .filter(([name]) => name !== 'axes')
      .map(([name, { type, dims }]) => ({ name, type: TYPES[type as keyof typeof TYPES], dims })),
    outputs: [{ name: output, type: DataType.float, dims: null }],
    valueInfo: new Map(),
  };
  const opsets = new Map([
    ['', 18],
    ['com.microsoft', 1],
  ]);
  const bytes = encodeModel(
    {
      irVersion: 8,
      producerName: 'espalier',
      producerVersion: '',
      opsets,
      metadata: new Map(),
      graph,
      functions: [],
    },
    () => {
      throw new Error('a probe has no external tensors');
    },
  );
  const fed = new Map([...feeds].filter(([name]) => name !== 'axes'));
  const inputs: ProgramInput[] = [...fed].map(([name, { type, dims }]) => ({
    name,
    type,
    source: { kind: 'constant', value: 0, dims },
  }));
  return { program: { id, bytes, inputs, outputs: [], ops: {} }, feeds: fed, output };
}

/** The number 1 as a little-endian int64. */
const ONE = Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0);

/** Repeatable numbers in [-scale, scale]. */
function noise(dims: number[], seed: number, scale: number): HostTensor {
  let state = seed * 2654435761;
  const data = Float32Array.from({ length: count(dims) }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 31 - 1) * scale;
  });
  return { type: 'float32', dims, data };
}
