// Sizes of a model from its graph alone: width, vocabulary, heads, head size. What the graph does
// not say is null.

import {
  type Attribute,
  intAttribute,
  type Node,
  type Tensor,
  type ValueInfo,
} from '../../onnx/graph.ts';
import { remembered } from './remembered.ts';
import type { StatePair, Structure } from './structure.ts';

/** Numbers that the graph gives; null where it does not, or where blocks differ. */
export interface GraphSizes {
  hiddenSize: number | null;
  vocabSize: number | null;
  heads: number | null;
  kvHeads: number | null;
  headSize: number | null;
  /** KV heads and head size by the name of a cache input. */
  caches: ReadonlyMap<string, CacheSize>;
}

interface CacheSize {
  kvHeads: number | null;
  headSize: number | null;
}

/** The sizes that a graph says by its weights, declared shapes and attributes. */
export const graphSizes = remembered((structure: Structure): GraphSizes => {
  const reader = new SizeReader(structure);
  const hiddenSize = reader.hiddenSize();
  const caches = new Map<string, CacheSize>();
  for (const { states } of structure.blocks)
    for (const state of states)
      if (state.kind === 'kv') caches.set(state.input, reader.cache(state));
  const all = [...caches.values()];
  return {
    hiddenSize,
    vocabSize: reader.vocabSize(),
    heads: same(structure.graph.nodes.map((node) => queryHeads(node)).filter((n) => n !== null)),
    kvHeads: same(all.map(({ kvHeads }) => kvHeads)),
    headSize: same(all.map(({ headSize }) => headSize)),
    caches,
  };
});

/** Operators whose output is as wide as their first input. */
const KEEPS_WIDTH: ReadonlySet<string> = new Set(
  (
    'Cast Identity Dropout Softmax Tanh Sigmoid Gelu FastGelu QuickGelu BiasGelu Relu Erf Neg ' +
    'Sqrt Clip RotaryEmbedding LpNormalization Unsqueeze QuantizeLinear'
  ).split(' '),
);
/** Norms: their scale, the second input, is as wide as what they norm. */
const NORMS = /^(LayerNormalization|SimplifiedLayerNormalization|RMSNormalization)$/;
const BROADCASTS = /^(Add|Sub|Mul|Div|Pow|Where|Max|Min)$/;
/** Operators between a constant and its reader that keep its shape. */
const KEEPS_SHAPE = /^(Cast|Identity|DequantizeLinear)$/;
/** Nodes that are followed from one value; the longest real chains have some 20. */
const MAX_STEPS = 64;

class SizeReader {
  readonly #structure: Structure;
  readonly #declared = new Map<string, number>();
  readonly #inputs: ReadonlyMap<string, ValueInfo>;
  readonly #readers = new Map<string, Node[]>();
  readonly #widths = new Map<string, number | null>();

  constructor(structure: Structure) {
    this.#structure = structure;
    const { graph } = structure;
    this.#inputs = new Map(graph.inputs.map((input) => [input.name, input]));
    for (const { name, dims } of [...graph.inputs, ...graph.outputs, ...graph.valueInfo.values()]) {
      const last = dims?.at(-1);
      if (typeof last === 'number' && last > 0) this.#declared.set(name, last);
    }
    for (const node of graph.nodes)
      for (const x of new Set(node.inputs)) {
        const list = this.#readers.get(x);
        if (list) list.push(node);
        else this.#readers.set(x, [node]);
      }
  }

  hiddenSize(): number | null {
    const { cuts, tokenInput, embedsInput } = this.#structure;
    for (const cut of cuts) {
      const width = this.width(cut) ?? this.#widthRead(cut);
      if (width !== null) return width;
    }
    return embedsInput ? this.width(tokenInput) : null;
  }

  vocabSize(): number | null {
    const { logits, headless } = this.#structure;
    return (headless ? null : this.width(logits)) ?? this.#embeddingRows();
  }

  cache(state: StatePair): CacheSize {
    const found: CacheSize = { kvHeads: null, headSize: null };
    for (const node of this.#readersThroughCasts(state.input)) {
      const { kvHeads, headSize } = this.#cacheOf(node, state);
      found.kvHeads ??= kvHeads;
      found.headSize ??= headSize;
    }
    const dims = this.#inputs.get(state.input)?.dims;
    const [heads, size] = [dims?.at(-3), dims?.at(-1)];
    if (dims && dims.length >= 4 && typeof heads === 'number') found.kvHeads = heads;
    if (typeof size === 'number') found.headSize = size;
    return found;
  }

  /** The last dimension of a value, or null. */
  width(value: string, steps = 0): number | null {
    const known = this.#declared.get(value) ?? this.#widths.get(value);
    if (known !== undefined) return known;
    if (steps > MAX_STEPS) return null;
    // Walks a shared value once. There are no cycles in a sorted graph.
    this.#widths.set(value, null);
    const constant = this.#shape(value);
    const node = this.#producerOf(value);
    const found = constant?.at(-1) ?? (node ? this.#widthOf(node, value, steps + 1) : null);
    this.#widths.set(value, found);
    return found;
  }

  #widthOf(node: Node, value: string, steps: number): number | null {
    const [a = '', b = ''] = node.inputs;
    if (KEEPS_WIDTH.has(node.op)) return this.width(a, steps);
    if (NORMS.test(node.op)) return this.#shape(b)?.at(-1) ?? this.width(a, steps);
    if (BROADCASTS.test(node.op)) {
      const widths = node.inputs.map((x) => this.width(x, steps)).filter((n) => n !== null);
      return widths.find((n) => n > 1) ?? widths[0] ?? null;
    }
    switch (node.op) {
      case 'MatMul':
      case 'FusedMatMul':
      case 'MatMulInteger':
      case 'Gemm': {
        const dims = this.#shape(b);
        return dims && dims.length > 1 ? (dims.at(isTransposed(node) ? -2 : -1) ?? null) : null;
      }
      case 'MatMulNBits':
      case 'MatMulBnb4':
        return positive(intAttribute(node, 'N'));
      case 'Reshape':
        return positive(this.#integers(b)?.at(-1));
      case 'Transpose': {
        const order = integersOf(node.attributes.get('perm'));
        return order && order.at(-1) === order.length - 1 ? this.width(a, steps) : null;
      }
      case 'Gather':
        return (intAttribute(node, 'axis') ?? 0) === 0 ? this.#tableWidth(node) : null;
      case 'GatherBlockQuantized':
        return this.#tableWidth(node);
      case 'Split':
        return this.#part(node, value, steps);
      default:
        return null;
    }
  }

  /** What the first operator that reads a value as a row says of its width. */
  #widthRead(value: string): number | null {
    for (const node of this.#readersThroughCasts(value)) {
      const [a, b = ''] = node.inputs;
      if (node.op === 'MatMulNBits') return positive(intAttribute(node, 'K'));
      const dims = this.#shape(b);
      if (!dims || node.inputs.indexOf(a ?? '') !== 0) continue;
      if (NORMS.test(node.op)) return dims.at(-1) ?? null;
      if (/^(MatMul|MatMulInteger|Gemm)$/.test(node.op) && dims.length === 2)
        return dims[isTransposed(node) ? 1 : 0] ?? null;
    }
    return null;
  }

  /** Width of one output of a Split along the last axis. */
  #part(node: Node, value: string, steps: number): number | null {
    const sizes = this.#integers(node.inputs[1] ?? '') ?? integersOf(node.attributes.get('split'));
    if (intAttribute(node, 'axis') !== -1) return null;
    const whole = this.width(node.inputs[0] ?? '', steps);
    return (
      positive(sizes?.[node.outputs.indexOf(value)]) ??
      (whole !== null && !sizes ? divided(whole, node.outputs.length) : null)
    );
  }

  /** Rows of the table in which the tokens are looked up. */
  #embeddingRows(): number | null {
    const { graph, tokenInput, embedsInput } = this.#structure;
    if (embedsInput) return null;
    for (const node of graph.nodes) {
      if (!/^(Gather|GatherBlockQuantized)$/.test(node.op)) continue;
      if (!this.#comesFrom(node.inputs[1] ?? '', tokenInput)) continue;
      const dims = this.#shape(node.inputs[0] ?? '');
      if (dims?.length === 2) return dims[0] ?? null;
    }
    return null;
  }

  #comesFrom(value: string, source: string): boolean {
    let at = value;
    for (let k = 0; k < 8; k++) {
      if (at === source) return true;
      at = this.#producerOf(at)?.inputs[0] ?? '';
    }
    return false;
  }

  #tableWidth(node: Node): number | null {
    const dims = this.#shape(node.inputs[0] ?? '');
    if (node.op === 'Gather') return dims && dims.length > 1 ? (dims.at(-1) ?? null) : null;
    const scales = this.#shape(node.inputs[2] ?? '')?.at(-1);
    const block = intAttribute(node, 'block_size') ?? 128;
    return scales === undefined ? null : scales * block;
  }

  /** What an operator that takes a cache says of its heads. */
  #cacheOf(node: Node, state: StatePair): CacheSize {
    const [query = '', key = ''] = node.inputs;
    const heads = queryHeads(node);
    if (node.op === 'GroupQueryAttention') {
      const kvHeads = intAttribute(node, 'kv_num_heads') ?? null;
      if (kvHeads === null || heads === null) return { kvHeads, headSize: null };
      const whole = this.width(key || query);
      return { kvHeads, headSize: divided(whole, key ? kvHeads : heads + 2 * kvHeads) };
    }
    if (node.op === 'Attention' && node.domain === '') {
      const kvHeads = intAttribute(node, 'kv_num_heads') ?? null;
      return { kvHeads, headSize: divided(this.width(key), kvHeads ?? 1) };
    }
    if (/MultiHeadAttention$/.test(node.op)) {
      const width = key && this.width(key);
      return { kvHeads: heads, headSize: width ? divided(width, heads) : null };
    }
    if (node.op === 'Concat') {
      const added = node.inputs.find((x) => x !== state.input && !this.#inputs.has(x)) ?? '';
      return { kvHeads: this.#headsOf(added), headSize: this.width(added) };
    }
    return { kvHeads: null, headSize: null };
  }

  /** Heads of new keys or values (B, heads, T, head size): from the Reshape before a Transpose. */
  #headsOf(value: string): number | null {
    let at = value;
    for (let k = 0; k < MAX_STEPS; k++) {
      const node = this.#producerOf(at);
      if (!node) return null;
      if (node.op === 'Reshape') return positive(this.#integers(node.inputs[1] ?? '')?.at(-2));
      const next = node.inputs.find((x) => !this.#structure.constants.has(x));
      if (next === undefined) return null;
      at = next;
    }
    return null;
  }

  #readersThroughCasts(value: string): Node[] {
    return (this.#readers.get(value) ?? []).flatMap((node) =>
      node.op === 'Cast' ? (this.#readers.get(node.outputs[0] ?? '') ?? []) : [node],
    );
  }

  #producerOf(value: string): Node | undefined {
    const { producer, graph } = this.#structure;
    return graph.nodes[producer.get(value) ?? -1];
  }

  #constant(value: string): Tensor | null {
    const initializer = this.#structure.graph.initializers.get(value);
    if (initializer) return initializer;
    const attribute = this.#producerOf(value)?.attributes.get('value');
    return this.#producerOf(value)?.op === 'Constant' && attribute?.kind === 'tensor'
      ? attribute.value
      : null;
  }

  /** Dims of a constant, through casts, dequantisation and transposition. */
  #shape(value: string, steps = 0): readonly number[] | null {
    const constant = this.#constant(value);
    if (constant) return constant.dims;
    const node = this.#producerOf(value);
    if (!node || steps > 8) return null;
    const source = node.inputs[0] ?? '';
    if (KEEPS_SHAPE.test(node.op)) return this.#shape(source, steps + 1);
    const dims = node.op === 'Transpose' ? this.#shape(source, steps + 1) : null;
    const order = integersOf(node.attributes.get('perm'));
    if (!dims) return null;
    return order ? order.map((k) => dims[k] ?? 0) : [...dims].reverse();
  }

  /** A constant of 64-bit integers; from a Concat, known entries and -1 for the others. */
  #integers(value: string): number[] | null {
    const node = this.#producerOf(value);
    if (node?.op === 'Concat') return node.inputs.flatMap((x) => this.#ownIntegers(x) ?? [-1]);
    return this.#ownIntegers(value);
  }

  #ownIntegers(value: string): number[] | null {
    const node = this.#producerOf(value);
    if (node?.op === 'Unsqueeze' || node?.op === 'Reshape')
      return this.#ownIntegers(node.inputs[0] ?? '');
    const tensor = this.#constant(value);
    if (!tensor)
      return integersOf(node?.op === 'Constant' ? node.attributes.get('value_ints') : undefined);
    if (!(tensor.data instanceof Uint8Array) || tensor.data.length % 8 !== 0) return null;
    const view = new DataView(tensor.data.buffer, tensor.data.byteOffset, tensor.data.length);
    return Array.from({ length: tensor.data.length / 8 }, (_, k) =>
      Number(view.getBigInt64(8 * k, true)),
    );
  }
}

/** Query heads that an attention operator declares. */
function queryHeads(node: Node): number | null {
  if (!/(Attention)$/.test(node.op)) return null;
  return intAttribute(node, 'num_heads') ?? intAttribute(node, 'q_num_heads') ?? null;
}

const isTransposed = (node: Node): boolean => intAttribute(node, 'transB') === 1;

function integersOf(attribute: Attribute | undefined): number[] | null {
  return attribute?.kind === 'ints' ? [...attribute.value] : null;
}

const positive = (n: number | undefined): number | null => (n !== undefined && n > 0 ? n : null);

function divided(n: number | null, by: number | null): number | null {
  return n !== null && by !== null && by > 0 && n % by === 0 ? n / by : null;
}

/** The number that all agree on; null when they differ or one is unknown. */
function same(numbers: readonly (number | null)[]): number | null {
  const [first = null] = numbers;
  return numbers.every((n) => n === first) ? first : null;
}
