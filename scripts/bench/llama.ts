// Writes an export of a Llama of any shape with random weights: the sample's graph, which has every
// form that onnxruntime-genai's builder gives a Llama, with other sizes and as many blocks as asked.

import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { clone, create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  type GraphProto,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  StringStringEntryProtoSchema,
  TensorProto_DataLocation,
  TensorProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from '../../src/onnx/onnx_pb.js';

export interface LlamaShape {
  blocks: number;
  hidden: number;
  heads: number;
  kvHeads: number;
  ffn: number;
  vocab: number;
  /** Longest context. */
  positions: number;
  ropeTheta: number;
}

/** SmolLM2-135M. */
export const LLAMA_135M: LlamaShape = {
  blocks: 30,
  hidden: 576,
  heads: 9,
  kvHeads: 3,
  ffn: 1536,
  vocab: 49152,
  positions: 512,
  ropeTheta: 100000,
};

/** The block of the sample that all blocks are made like; it has a block before and after it. */
const LIKE = 3;
const FLOAT = 1;
const DATA_FILE = 'model.onnx_data';

interface Weight {
  name: string;
  dims: number[];
  values: (out: Float32Array) => void;
}

/** Writes `model.onnx`, its data and `config.json` into `out`, which is made. */
export function writeLlama(sample: string, out: string, shape: LlamaShape, seed = 1): void {
  mkdirSync(out, { recursive: true });
  const model = fromBinary(ModelProtoSchema, readFileSync(join(sample, 'onnx/model.onnx')));
  const graph = model.graph!;
  const headSize = shape.hidden / shape.heads;
  graph.node = nodesOf(graph.node, shape, headSize);
  graph.valueInfo = [];
  graph.input = valuesOf(graph.input, 'past_key_values.', shape, headSize);
  graph.output = valuesOf(graph.output, 'present.', shape, headSize);
  writeWeights(graph, join(out, DATA_FILE), weightsOf(shape, headSize, seed));
  writeFileSync(join(out, 'model.onnx'), toBinary(ModelProtoSchema, model));
  const config = JSON.parse(readFileSync(join(sample, 'config.json'), 'utf8')) as object;
  const sizes = {
    hidden_size: shape.hidden,
    intermediate_size: shape.ffn,
    num_hidden_layers: shape.blocks,
    num_attention_heads: shape.heads,
    num_key_value_heads: shape.kvHeads,
    head_dim: headSize,
    vocab_size: shape.vocab,
    max_position_embeddings: shape.positions,
    rope_theta: shape.ropeTheta,
  };
  writeFileSync(join(out, 'config.json'), JSON.stringify({ ...config, ...sizes }, null, 1));
}

/** What comes before the first block, the blocks, and the head. */
function nodesOf(nodes: NodeProto[], shape: LlamaShape, headSize: number): NodeProto[] {
  const startOf = (block: number): number =>
    nodes.findIndex(({ name }) => name.includes(`/layers.${block}/attn/qkv_proj`));
  const like = nodes.slice(startOf(LIKE), startOf(LIKE + 1));
  const last = shape.blocks - 1;
  const blocks = Array.from({ length: shape.blocks }, (_, block) =>
    like.map((node) => {
      const renamed = (name: string): string =>
        name
          .replace(/(layers|past_key_values|present)\.(\d+)/, (_, of: string, at: string) =>
            [of, block + Number(at) - LIKE].join('.'),
          )
          .replace('layers.0/input_layernorm/output_3', 'embed_tokens/Gather/output_0')
          .replace(
            new RegExp(`(layers\\.${last + 1}[./])input_layernorm`),
            '$1final_norm_layernorm',
          );
      const copy = clone(NodeProtoSchema, node);
      copy.name = renamed(copy.name);
      copy.input = copy.input.map(renamed);
      copy.output = copy.output.map(renamed);
      // After the last block only the normed state is read.
      if (block === last && copy.output.some((name) => name.includes('final_norm')))
        copy.output = copy.output.slice(0, 1);
      for (const attribute of copy.attribute) {
        if (attribute.name === 'num_heads') attribute.i = BigInt(shape.heads);
        if (attribute.name === 'kv_num_heads') attribute.i = BigInt(shape.kvHeads);
        if (attribute.name === 'scale') attribute.f = 1 / Math.sqrt(headSize);
      }
      return copy;
    }),
  );
  const head = clone(NodeProtoSchema, nodes.at(-1)!);
  head.input[0] = `/model/layers.${shape.blocks}/final_norm_layernorm/output_0`;
  return [...nodes.slice(0, startOf(0)), ...blocks.flat(), head];
}

/** Inputs or outputs, with a cache for each block. */
function valuesOf(
  values: ValueInfoProto[],
  cache: string,
  shape: LlamaShape,
  headSize: number,
): ValueInfoProto[] {
  const others = values.filter(({ name }) => !name.startsWith(cache));
  const logits = others.find(({ name }) => name === 'logits');
  if (logits) setDim(logits, 2, shape.vocab);
  const caches = values.filter(({ name }) => name.startsWith(`${cache}${LIKE}.`));
  const ofBlocks = Array.from({ length: shape.blocks }, (_, block) =>
    caches.map((value) => {
      const copy = clone(ValueInfoProtoSchema, value);
      copy.name = copy.name.replace(`${cache}${LIKE}`, `${cache}${block}`);
      setDim(copy, 1, shape.kvHeads);
      setDim(copy, 3, headSize);
      return copy;
    }),
  );
  return [...others, ...ofBlocks.flat()];
}

function setDim(value: ValueInfoProto, at: number, size: number): void {
  const type = value.type?.value;
  const dim = type?.case === 'tensorType' ? type.value.shape?.dim[at] : undefined;
  if (dim) dim.value = { case: 'dimValue', value: BigInt(size) };
}

function weightsOf(shape: LlamaShape, headSize: number, seed: number): Weight[] {
  const random = uniform(seed);
  const matrix = (name: string, rows: number, columns: number): Weight => ({
    name,
    dims: [rows, columns],
    // As wide as keeps the size of what it multiplies.
    values: (out) => random(out, Math.sqrt(3 / rows)),
  });
  const norm = (name: string): Weight => ({
    name,
    dims: [shape.hidden],
    values: (out) => void out.fill(1),
  });
  const rotary = (name: string, of: (angle: number) => number): Weight => ({
    name,
    dims: [shape.positions, headSize / 2],
    values: (out) => {
      for (let k = 0; k < out.length; k++) {
        const pair = k % (headSize / 2);
        const frequency = shape.ropeTheta ** ((-2 * pair) / headSize);
        out[k] = of(Math.floor(k / (headSize / 2)) * frequency);
      }
    },
  });
  const { hidden, ffn } = shape;
  const blocks = Array.from({ length: shape.blocks }, (_, block) => {
    const at = `model.layers.${block}`;
    return [
      norm(`${at}.input_layernorm.weight`),
      matrix(
        `${at}.attn.qkv_proj.MatMul.weight`,
        hidden,
        (shape.heads + 2 * shape.kvHeads) * headSize,
      ),
      matrix(`${at}.attn.o_proj.MatMul.weight`, hidden, hidden),
      norm(`${at}.post_attention_layernorm.weight`),
      matrix(`${at}.mlp.gate_proj.MatMul.weight`, hidden, ffn),
      matrix(`${at}.mlp.up_proj.MatMul.weight`, hidden, ffn),
      matrix(`${at}.mlp.down_proj.MatMul.weight`, ffn, hidden),
    ];
  });
  return [
    ...blocks.flat(),
    norm(`model.layers.${shape.blocks}.final_norm_layernorm.weight`),
    matrix('lm_head.MatMul.weight', hidden, shape.vocab),
    rotary('cos_cache', Math.cos),
    rotary('sin_cache', Math.sin),
  ];
}

function writeWeights(graph: GraphProto, file: string, weights: readonly Weight[]): void {
  const handle = openSync(file, 'w');
  let offset = 0;
  graph.initializer = weights.map(({ name, dims, values }) => {
    const data = new Float32Array(dims.reduce((n, d) => n * d, 1));
    values(data);
    const place = { location: DATA_FILE, offset, length: data.byteLength };
    for (let at = 0; at < data.byteLength; )
      at += writeSync(
        handle,
        new Uint8Array(data.buffer, at),
        0,
        data.byteLength - at,
        offset + at,
      );
    offset += data.byteLength;
    return create(TensorProtoSchema, {
      name,
      dims: dims.map(BigInt),
      dataType: FLOAT,
      dataLocation: TensorProto_DataLocation.EXTERNAL,
      externalData: Object.entries(place).map(([key, value]) =>
        create(StringStringEntryProtoSchema, { key, value: String(value) }),
      ),
    });
  });
  closeSync(handle);
}

/** Fills arrays with repeatable numbers in [-scale, scale] (xorshift32). */
function uniform(seed: number): (out: Float32Array, scale: number) => void {
  let state = seed;
  return (out, scale) => {
    for (let k = 0; k < out.length; k++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      out[k] = (state / 2 ** 31) * scale;
    }
  };
}

/** Token ids of windows, repeatable. */
export function randomWindows(windows: number, length: number, vocab: number): number[][] {
  const values = new Float32Array(windows * length);
  uniform(7)(values, 1);
  return Array.from({ length: windows }, (_, row) =>
    Array.from(values.subarray(row * length, (row + 1) * length), (value) =>
      Math.min(vocab - 1, Math.floor(((value + 1) / 2) * vocab)),
    ),
  );
}
