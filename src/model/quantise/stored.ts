// The stored matrix that a value of a graph is, through nodes that only rearrange or retype it.

import {
  DataType,
  elementCount,
  type Graph,
  intAttribute,
  type Node,
  type Tensor,
} from '../../onnx/graph.ts';

/** A stored tensor as a node reads it. */
export interface StoredView {
  tensor: Tensor;
  /** Row by row over the stored bytes, before `turned`. */
  dims: readonly number[];
  /** Rows and columns are exchanged. */
  turned: boolean;
  /** Floats are made of its integers on the way. */
  dequantised: boolean;
}

/** Why a constant is no stored matrix, with the largest stored tensor that it is computed from. */
export interface ComputedConstant {
  largest: Tensor | null;
}

export interface StoredViews {
  /** Null for what is no constant. */
  of(value: string): StoredView | ComputedConstant | null;
}

export const isStored = (found: StoredView | ComputedConstant): found is StoredView =>
  'tensor' in found;

/** @param graph sorted */
export function storedViews(graph: Graph): StoredViews {
  const known = new Map<string, StoredView | ComputedConstant>();
  for (const tensor of graph.initializers.values())
    known.set(tensor.name, { tensor, dims: tensor.dims, turned: false, dequantised: false });
  for (const node of graph.nodes) {
    const made = madeOf(node, known);
    if (made) for (const value of node.outputs) if (value !== '') known.set(value, made);
  }
  return { of: (value) => known.get(value) ?? null };
}

type Known = ReadonlyMap<string, StoredView | ComputedConstant>;

function madeOf(node: Node, known: Known): StoredView | ComputedConstant | null {
  const value = node.op === 'Constant' ? node.attributes.get('value') : undefined;
  if (value?.kind === 'tensor') {
    const tensor = { ...value.value, name: node.outputs[0] ?? '' };
    return { tensor, dims: tensor.dims, turned: false, dequantised: false };
  }
  const read = node.inputs.filter((name) => name !== '').map((name) => known.get(name));
  if (read.length === 0 || read.some((found) => found === undefined)) return null;
  const [source] = read as [StoredView | ComputedConstant];
  const view = isStored(source) ? rearranged(node, source, known) : null;
  return view ?? { largest: largestOf(read as (StoredView | ComputedConstant)[]) };
}

function rearranged(node: Node, source: StoredView, known: Known): StoredView | null {
  const { dims, turned } = source;
  switch (node.op) {
    case 'Identity':
      return source;
    case 'Cast':
      return FLOATS.has(source.tensor.type) && FLOATS.has(intAttribute(node, 'to') ?? 0)
        ? source
        : null;
    case 'DequantizeLinear':
      return { ...source, dequantised: true };
    case 'Transpose': {
      const perm = node.attributes.get('perm');
      const swaps = perm === undefined || (perm.kind === 'ints' && perm.value.join() === '1,0');
      if (perm?.kind === 'ints' && perm.value.every((axis, k) => axis === k)) return source;
      return swaps && dims.length === 2 ? { ...source, turned: !turned } : null;
    }
    case 'Reshape':
    case 'Squeeze':
    case 'Unsqueeze':
    case 'Flatten': {
      const now = reshaped(node, turned ? dims.toReversed() : dims, known);
      if (!now) return null;
      if (!turned) return { ...source, dims: now };
      // Axes of length 1 apart, a matrix with its rows exchanged keeps its form or loses it.
      return now.join() === dims.toReversed().join() ? source : null;
    }
    default:
      return null;
  }
}

const FLOATS: ReadonlySet<number> = new Set([
  DataType.float,
  DataType.float16,
  DataType.bfloat16,
  DataType.double,
]);

/** Dims after a node that only counts them anew; null where they are not known. */
function reshaped(node: Node, dims: readonly number[], known: Known): number[] | null {
  if (node.op === 'Flatten') {
    const axis = intAttribute(node, 'axis') ?? 1;
    const at = axis < 0 ? axis + dims.length : axis;
    return [elementCount(dims.slice(0, at)), elementCount(dims.slice(at))];
  }
  const given = integersOf(node, known);
  if (node.op === 'Squeeze') {
    const gone = given?.map((axis) => (axis < 0 ? axis + dims.length : axis));
    return dims.filter((size, k) => (gone ? !gone.includes(k) : size !== 1));
  }
  if (!given) return null;
  if (node.op === 'Unsqueeze') {
    const rank = dims.length + given.length;
    const added = new Set(given.map((axis) => (axis < 0 ? axis + rank : axis)));
    const rest = [...dims];
    return Array.from({ length: rank }, (_, k) => (added.has(k) ? 1 : (rest.shift() ?? 1)));
  }
  const copied = given.map((size, k) =>
    size === 0 && intAttribute(node, 'allowzero') !== 1 ? (dims[k] ?? 1) : size,
  );
  const fixed = elementCount(copied.filter((size) => size >= 0));
  const now = copied.map((size) => (size < 0 ? elementCount(dims) / fixed : size));
  return elementCount(now) === elementCount(dims) ? now : null;
}

/** The shape or the axes that a node is given, as its second input or as an attribute. */
function integersOf(node: Node, known: Known): number[] | null {
  const attribute = node.attributes.get(node.op === 'Reshape' ? 'shape' : 'axes');
  if (attribute?.kind === 'ints') return [...attribute.value];
  const found = known.get(node.inputs[1] ?? '');
  if (!found || !isStored(found) || found.tensor.type !== DataType.int64) return null;
  const { data } = found.tensor;
  if (!(data instanceof Uint8Array)) return null;
  const bytes = data.slice();
  return Array.from(new BigInt64Array(bytes.buffer, 0, bytes.length / 8), Number);
}

function largestOf(read: readonly (StoredView | ComputedConstant)[]): Tensor | null {
  let largest: Tensor | null = null;
  for (const found of read) {
    const tensor = isStored(found) ? found.tensor : found.largest;
    if (tensor && tensor.data.length > (largest?.data.length ?? -1)) largest = tensor;
  }
  return largest;
}
