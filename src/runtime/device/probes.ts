// Tiny programs for the self-tests of devices; a CPU provider gives the answers to compare with.

import type { ElementType, Program, ProgramInput } from '../../model/programs/program.ts';
import { encodeModel } from '../../onnx/codec.ts';
import { type Attribute, DataType, type Graph, type Node } from '../../onnx/graph.ts';
import { narrowed } from '../../onnx/half.ts';
import { count, elements, filled, type HostTensor } from './host.ts';

export interface Probe {
  program: Program;
  feeds: Map<string, HostTensor>;
  /** Output to compare, of a float type. */
  output: string;
}

/** Prefill length at which wrong attention kernels showed (runtime notes: 32 to 128). */
const TOKENS = 64;
const HEADS = 4;
const KV_HEADS = 2;
const HEAD_SIZE = 32;

/** Grouped-query attention over a prefill without cache; `softcap` and `window` 0 = none. */
export function attentionProbe(softcap: number, window = 0): Probe {
  const attributes: Attribute[] = [
    { name: 'num_heads', kind: 'int', value: HEADS },
    { name: 'kv_num_heads', kind: 'int', value: KV_HEADS },
  ];
  if (softcap > 0) attributes.push({ name: 'softcap', kind: 'float', value: softcap });
  if (window > 0) attributes.push({ name: 'local_window_size', kind: 'int', value: window });
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
  const id = `probe-attention softcap ${softcap} window ${window}`;
  return probe({ id, nodes: [attend], feeds, output: 'attended' });
}

/** sin and cos of angles as rotary tables have them. */
export function anglesProbe(): Probe {
  const angles = Float32Array.from({ length: 512 }, (_, k) => k / 4);
  const feeds = new Map<string, HostTensor>([
    ['angles', { type: 'float32', dims: [512], data: angles }],
  ]);
  return probe({
    id: 'probe-angles',
    nodes: [
      node('Sin', ['angles'], ['sines']),
      node('Cos', ['angles'], ['cosines']),
      node('Concat', ['sines', 'cosines'], ['both'], [{ name: 'axis', kind: 'int', value: 0 }]),
    ],
    feeds,
    output: 'both',
  });
}

/** The head's log-sum-exp at logits around 200, where a naive exponential overflows. */
export function likelihoodProbe(): Probe {
  const logits = noise([8, 512], 4, 200);
  const axes: Attribute = { name: 'keepdims', kind: 'int', value: 1 };
  return probe({
    id: 'probe-likelihood',
    nodes: [
      node('ReduceMax', ['logits', 'axes'], ['highest'], [axes]),
      node('Sub', ['logits', 'highest'], ['shifted']),
      node('Exp', ['shifted'], ['powers']),
      node('ReduceSum', ['powers', 'axes'], ['sum'], [axes]),
      node('Log', ['sum'], ['logSum']),
      node('Sub', ['logSum', 'shifted'], ['nll']),
    ],
    feeds: new Map([['logits', logits]]),
    // Axes must be known when the session is made.
    constants: new Map([['axes', filled('int64', [1], 1)]]),
    output: 'nll',
  });
}

/** A product of matrices, the bulk of every block. */
export function productProbe(): Probe {
  const feeds = new Map<string, HostTensor>([
    ['left', noise([1, TOKENS, 96], 5, 1)],
    ['right', noise([96, 160], 6, 1)],
  ]);
  const nodes = [node('MatMul', ['left', 'right'], ['product'])];
  return probe({ id: 'probe-product', nodes, feeds, output: 'product' });
}

/** Sizes of the 4-bit product: rows of weights, and their length in blocks of 32. */
const ROWS = 96;
const BLOCKS = 4;
const BLOCK = 32;

/**
 * Products with 4-bit weights: fed, as scoring runs them, and beside it with the weights in the
 * graph, which ONNX Runtime packs in its own way before the first run; with zero points and
 * without.
 */
export function quantisedProbe(type: 'float32' | 'float16', accuracyLevel: number): Probe {
  const attributes: Attribute[] = [
    { name: 'K', kind: 'int', value: BLOCKS * BLOCK },
    { name: 'N', kind: 'int', value: ROWS },
    { name: 'bits', kind: 'int', value: 4 },
    { name: 'block_size', kind: 'int', value: BLOCK },
    { name: 'accuracy_level', kind: 'int', value: accuracyLevel },
  ];
  const multiply = (suffix: string, zeros: string): Node =>
    node(
      'MatMulNBits',
      ['left', `quants${suffix}`, `scales${suffix}`, ...(zeros === '' ? [] : [zeros])],
      [`product${suffix}${zeros}`],
      attributes,
      'com.microsoft',
    );
  const values = noise([ROWS * BLOCKS * (BLOCK / 2)], 7, 128).data as Float32Array;
  const quants: HostTensor = {
    type: 'uint8',
    dims: [ROWS, BLOCKS, BLOCK / 2],
    data: Uint8Array.from(values, (value) => value + 128),
  };
  const scales = ofType(type, filled('float32', [ROWS, BLOCKS], 1 / 32));
  const zeros: HostTensor = {
    type: 'uint8',
    dims: [ROWS, BLOCKS / 2],
    data: Uint8Array.from({ length: (ROWS * BLOCKS) / 2 }, (_, k) => (k * 37) & 255),
  };
  const weights = (suffix: string): Map<string, HostTensor> =>
    new Map([
      [`quants${suffix}`, quants],
      [`scales${suffix}`, scales],
      [`zeros${suffix}`, zeros],
    ]);
  const left = ofType(type, noise([TOKENS, BLOCKS * BLOCK], 8, 1));
  const products = [
    multiply(' fed', ''),
    multiply(' fed', 'zeros fed'),
    multiply(' packed', ''),
    multiply(' packed', 'zeros packed'),
  ];
  const nodes = [
    ...products,
    node(
      'Concat',
      products.flatMap(({ outputs }) => outputs),
      ['products'],
      [{ name: 'axis', kind: 'int', value: 1 }],
    ),
  ];
  return probe({
    id: `probe-quantised ${type} level ${accuracyLevel}`,
    nodes,
    feeds: new Map([['left', left], ...weights(' fed')]),
    constants: weights(' packed'),
    output: 'products',
    type,
  });
}

/** Numbers of 4 bits, packed by two, that are fed to a program: weights of some 4-bit exports. */
export function packedProbe(): Probe {
  const quants: HostTensor = {
    type: 'int4',
    dims: [4, BLOCK],
    data: Uint8Array.from({ length: (4 * BLOCK) / 2 }, (_, k) => (k * 37) & 255),
  };
  const scales = filled('float32', [4], 1 / 8);
  return probe({
    id: 'probe-packed',
    nodes: [
      node(
        'DequantizeLinear',
        ['quants', 'scales'],
        ['values'],
        [{ name: 'axis', kind: 'int', value: 0 }],
      ),
    ],
    feeds: new Map([
      ['quants', quants],
      ['scales', scales],
    ]),
    output: 'values',
    opset: 21,
  });
}

/** float32 values in that float type. */
export function ofType(type: 'float32' | 'float16', tensor: HostTensor): HostTensor {
  if (type === 'float32') return tensor;
  const halves = narrowed(bytesOf(tensor), (value) => value);
  return { type, dims: tensor.dims, data: elements(type, halves) };
}

function bytesOf({ data }: HostTensor): Uint8Array<ArrayBuffer> {
  return new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
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
  return probe({ id: 'probe-block', nodes, feeds, output: 'next' });
}

/** A node named after its first output. */
export function node(
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

const TYPES: Partial<Record<ElementType, DataType>> = {
  float32: DataType.float,
  float16: DataType.float16,
  uint8: DataType.uint8,
  int4: DataType.int4,
  int32: DataType.int32,
  int64: DataType.int64,
};

function typeOf(type: ElementType): DataType {
  const known = TYPES[type];
  if (known === undefined) throw new Error(`a probe has no tensors of type ${type}`);
  return known;
}

interface Parts {
  id: string;
  nodes: Node[];
  feeds: Map<string, HostTensor>;
  /** Tensors that lie in the graph. */
  constants?: Map<string, HostTensor>;
  output: string;
  /** Of the output. */
  type?: ElementType;
  opset?: number;
}

/** A program of these nodes, which feeds what it reads. */
export function probe(parts: Parts): Probe {
  const { id, nodes, feeds, constants, output, type = 'float32', opset = 18 } = parts;
  const graph: Graph = {
    name: id,
    nodes,
    initializers: new Map(
      [...(constants ?? [])].map(([name, tensor]) => [
        name,
        { name, type: typeOf(tensor.type), dims: [...tensor.dims], data: bytesOf(tensor) },
      ]),
    ),
    inputs: [...feeds].map(([name, tensor]) => ({
      name,
      type: typeOf(tensor.type),
      dims: [...tensor.dims],
    })),
    outputs: [{ name: output, type: typeOf(type), dims: null }],
    valueInfo: new Map(),
  };
  const opsets = new Map([
    ['', opset],
    ['com.microsoft', 1],
  ]);
  const bytes = encodeModel(
    {
      irVersion: 10,
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
  const inputs: ProgramInput[] = [...feeds].map(([name, tensor]) => ({
    name,
    type: tensor.type,
    source: { kind: 'constant', value: 0, dims: tensor.dims },
  }));
  return { program: { id, bytes, inputs, outputs: [], ops: {} }, feeds, output };
}

/** Repeatable numbers in [-scale, scale]. */
export function noise(dims: number[], seed: number, scale: number): HostTensor {
  let state = seed * 2654435761;
  const data = Float32Array.from({ length: count(dims) }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 31 - 1) * scale;
  });
  return { type: 'float32', dims, data };
}
