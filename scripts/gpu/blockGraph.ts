// One transformer block of the Llama kind as an ONNX graph, in the operators that exporters write
// for WebGPU: RMS norm, packed projections, GroupQueryAttention with rotary embedding, SwiGLU.

import type { Program, ProgramInput } from '../../src/model/programs/program.ts';
import { makeNode } from '../../src/model/programs/rewrites.ts';
import { encodeModel } from '../../src/onnx/codec.ts';
import { DataType, type Model, type Node, type Tensor } from '../../src/onnx/graph.ts';
import {
  type BlockShape,
  type Matrix,
  matricesOf,
  QUANT_BLOCK,
  type WeightForm,
} from './blockShape.ts';
import { type BlockValues, floatBytes, type QuantizedValues, rotaryTables } from './blockValues.ts';

const EPSILON = 1e-5;
const MS = 'com.microsoft';
const TYPES = {
  float32: DataType.float,
  float16: DataType.float16,
  uint8: DataType.uint8,
  int32: DataType.int32,
} as const;

export interface BlockForm {
  shape: BlockShape;
  weights: WeightForm;
  /** What activations, norms, scales and caches are. */
  activation: 'float32' | 'float16';
  /**
   * Tokens that a cache has room for, fed as `past_key`, `past_value` and given back as
   * `present_key`, `present_value`; null for a pass without a cache.
   */
  cache: number | null;
  /** Positions of the rotary tables. */
  positions: number;
}

/** A weight or table with its bytes. */
export interface BlockTensor {
  name: string;
  type: 'float32' | 'float16' | 'uint8';
  dims: number[];
  bytes: Uint8Array<ArrayBuffer>;
}

/** All weights and tables of a block, in the form asked for. */
export function blockTensors(
  { shape, weights, activation, positions }: Omit<BlockForm, 'cache'>,
  values: BlockValues | QuantizedValues,
): BlockTensor[] {
  const floats = (name: string, dims: number[], data: Float32Array<ArrayBuffer>): BlockTensor => ({
    name,
    type: activation,
    dims,
    bytes: floatBytes(data, activation),
  });
  const matrix = ({ name, inputs, outputs }: Matrix): BlockTensor[] => {
    const value = values.matrices[name];
    if (value instanceof Float32Array) {
      const type = weights === 'fp16' ? 'float16' : 'float32';
      return [{ name, type, dims: [inputs, outputs], bytes: floatBytes(value, type) }];
    }
    const groups = inputs / QUANT_BLOCK;
    return [
      { name, type: 'uint8', dims: [outputs, groups, QUANT_BLOCK / 2], bytes: value.packed },
      floats(`${name}_scales`, [outputs, groups], value.scales),
    ];
  };
  const { cos, sin } = rotaryTables(shape, positions);
  const half = shape.headSize / 2;
  return [
    ...matricesOf(shape).flatMap(matrix),
    floats('input_norm', [shape.hidden], values.inputNorm),
    floats('post_norm', [shape.hidden], values.postNorm),
    floats('cos', [positions, half], cos),
    floats('sin', [positions, half], sin),
  ];
}

/** Where the external data of `blockModel` is said to be. */
export const DATA_FILE = 'block.data';

/**
 * The block with its tensors fed as inputs, as scoring runs blocks: any number of them shares one
 * program.
 */
export function blockProgram(form: BlockForm, tensors: readonly BlockTensor[]): Program {
  const inputs = inputsOf(form);
  const all = [
    ...inputs,
    ...tensors.map(({ name, type, dims }) => ({ name, type, dims: dims as (number | string)[] })),
  ];
  const model = modelOf(form, all, new Map());
  const bytes = encodeModel(model, () => {
    throw new Error('a block that is fed has no tensors of its own');
  });
  return {
    id: `block ${form.weights} ${form.cache ?? ''}`.trim(),
    bytes,
    inputs: all.map(({ name, type }): ProgramInput => ({ name, type, source: { kind: 'weight' } })),
    outputs: [],
    ops: Object.fromEntries(model.graph.nodes.map(({ op }) => [op, 1])),
  };
}

/**
 * The block with its tensors as constants in external data, as a whole model holds them: CPU
 * kernels lay out constants beforehand.
 */
export function blockModel(
  form: BlockForm,
  tensors: readonly BlockTensor[],
): { bytes: Uint8Array; data: Uint8Array<ArrayBuffer> } {
  const data = new Uint8Array(tensors.reduce((sum, { bytes }) => sum + aligned(bytes.length), 0));
  const initializers = new Map<string, Tensor>();
  let offset = 0;
  for (const { name, type, dims, bytes } of tensors) {
    data.set(bytes, offset);
    const range = { file: DATA_FILE, offset, length: bytes.length };
    initializers.set(name, { name, type: TYPES[type], dims, data: range });
    offset += aligned(bytes.length);
  }
  const model = modelOf(form, inputsOf(form), initializers);
  return {
    bytes: encodeModel(model, ({ data: range }) => {
      if (!('file' in range)) throw new Error('every tensor is in the data file');
      return { location: range.file, offset: range.offset, length: range.length };
    }),
    data,
  };
}

const aligned = (bytes: number): number => Math.ceil(bytes / 16) * 16;

interface Input {
  name: string;
  type: keyof typeof TYPES;
  dims: readonly (number | string)[];
}

/** What changes from run to run. */
function inputsOf({ shape, activation, cache }: BlockForm): Input[] {
  const past = (name: string): Input => ({
    name,
    type: activation,
    dims: ['batch', shape.kvHeads, cache ?? 0, shape.headSize],
  });
  return [
    { name: 'hidden', type: activation, dims: ['batch', 'sequence', shape.hidden] },
    // Tokens of each row up to and with the last new one, less one.
    { name: 'lengths', type: 'int32', dims: ['batch'] },
    { name: 'total', type: 'int32', dims: [] },
    ...(cache === null ? [] : [past('past_key'), past('past_value')]),
  ];
}

function modelOf(
  form: BlockForm,
  inputs: readonly Input[],
  initializers: Map<string, Tensor>,
): Model {
  const { shape, activation, cache } = form;
  const type = TYPES[activation];
  const hidden = { name: 'out', type, dims: ['batch', 'sequence', shape.hidden] };
  const present = ['present_key', 'present_value'].map((name) => ({
    name,
    type,
    dims: ['batch', shape.kvHeads, cache, shape.headSize],
  }));
  return {
    irVersion: 10,
    producerName: 'espalier',
    producerVersion: '',
    opsets: new Map([
      ['', 18],
      [MS, 1],
    ]),
    metadata: new Map(),
    functions: [],
    graph: {
      name: 'block',
      nodes: nodesOf(form),
      initializers,
      inputs: inputs.map(({ name, type: word, dims }) => ({ name, type: TYPES[word], dims })),
      outputs: cache === null ? [hidden] : [hidden, ...present],
      valueInfo: new Map(),
    },
  };
}

function nodesOf({ shape, weights, cache }: BlockForm): Node[] {
  const matrices = new Map(matricesOf(shape).map((matrix) => [matrix.name, matrix]));
  const linear = (name: Matrix['name'], from: string, to: string): Node => {
    if (weights !== 'q4') return makeNode('MatMul', [from, name], [to]);
    const { inputs, outputs } = matrices.get(name)!;
    const attributes = { K: inputs, N: outputs, bits: 4, block_size: QUANT_BLOCK };
    return makeNode('MatMulNBits', [from, name, `${name}_scales`], [to], attributes, MS);
  };
  const cached = cache !== null;
  return [
    makeNode('SimplifiedLayerNormalization', ['hidden', 'input_norm'], ['normed'], {
      axis: -1,
      epsilon: { float: EPSILON },
      stash_type: 1,
    }),
    linear('qkv', 'normed', 'packed'),
    makeNode(
      'GroupQueryAttention',
      [
        'packed',
        '',
        '',
        cached ? 'past_key' : '',
        cached ? 'past_value' : '',
        'lengths',
        'total',
        'cos',
        'sin',
      ],
      cached ? ['attended', 'present_key', 'present_value'] : ['attended'],
      {
        num_heads: shape.heads,
        kv_num_heads: shape.kvHeads,
        do_rotary: 1,
        scale: { float: shape.headSize ** -0.5 },
      },
      MS,
    ),
    linear('output', 'attended', 'projected'),
    makeNode(
      'SkipSimplifiedLayerNormalization',
      ['hidden', 'projected', 'post_norm'],
      ['post', '', '', 'middle'],
      { epsilon: { float: EPSILON } },
      MS,
    ),
    linear('gate', 'post', 'gated'),
    linear('up', 'post', 'raised'),
    makeNode('Sigmoid', ['gated'], ['opening']),
    makeNode('Mul', ['gated', 'opening'], ['activated']),
    makeNode('Mul', ['activated', 'raised'], ['product']),
    linear('down', 'product', 'lowered'),
    makeNode('Add', ['middle', 'lowered'], ['out']),
  ];
}
