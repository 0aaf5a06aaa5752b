// Decides which constants of a subgraph stay inside its program and which become weights that the
// runtime feeds.

import { EspalierError } from '../../errors.ts';
import { subgraphs } from '../../onnx/captures.ts';
import type { Attribute, Graph, Node, Tensor } from '../../onnx/graph.ts';
import { DataType, elementCount, isRange, tensorBytes } from '../../onnx/graph.ts';
import { renameNode } from '../../onnx/rename.ts';
import type { ElementType, WeightRef } from './program.ts';
import type { Subgraph } from './subgraph.ts';
import { constantInts } from './subgraph.ts';

/** Constants of at most this many elements may stay inside a program. */
export const SMALL = 16;

const NAMES: Readonly<Record<number, ElementType>> = {
  [DataType.float]: 'float32',
  [DataType.float16]: 'float16',
  [DataType.double]: 'float64',
  [DataType.int64]: 'int64',
  [DataType.int32]: 'int32',
  [DataType.int16]: 'int16',
  [DataType.int8]: 'int8',
  [DataType.uint8]: 'uint8',
  [DataType.uint16]: 'uint16',
  [DataType.uint32]: 'uint32',
  [DataType.uint64]: 'uint64',
  [DataType.bool]: 'bool',
  [DataType.int4]: 'int4',
  [DataType.uint4]: 'uint4',
};

/**
 * The name that onnxruntime-web uses for an ONNX element type.
 * @param value name of a value of that type, for the error message.
 * @throws EspalierError `unsupported-op` for types that ONNX Runtime Web has no tensors of
 *   (bfloat16, float8, strings).
 */
export function elementType(type: number, value: string): ElementType {
  const name = NAMES[type];
  if (name) return name;
  throw new EspalierError(
    'unsupported-op',
    `Value "${value}" has the ONNX element type ` +
      `${type}${type === DataType.bfloat16 ? ' (bfloat16)' : ''}, which cannot run here.`,
    'Use an export of this model in float32, float16 or with 4-bit or 8-bit weights.',
  );
}

/**
 * True for int32, int64 and boolean constants of at most 16 elements: shapes, axes, flags. They
 * determine what a program computes, so they are part of its structural class.
 */
export function isSmallConstant(tensor: Tensor): boolean {
  const isInteger =
    tensor.type === DataType.int64 ||
    tensor.type === DataType.int32 ||
    tensor.type === DataType.bool;
  return isInteger && !isRange(tensor.data) && elementCount(tensor.dims) <= SMALL;
}

/** A constant as a weight. Its byte range identifies it: equal ranges share one buffer. */
export function weightRef(tensor: Tensor, name: string): WeightRef {
  const { dims, data } = tensor;
  return {
    name,
    type: elementType(tensor.type, name),
    dims,
    byteLength: tensorBytes(tensor),
    data,
  };
}

/**
 * Turns Constant nodes of more than 16 elements, those in branches and loop bodies included, into
 * initializers of the subgraph.
 */
export function liftConstants(subgraph: Subgraph): void {
  const kept: Node[] = [];
  for (const node of subgraph.nodes) {
    const tensor = largeConstant(node);
    if (tensor) subgraph.initializers.set(node.outputs[0] as string, tensor);
    else kept.push(subgraphs(node).length > 0 ? liftFromSubgraphs(node, subgraph) : node);
  }
  subgraph.nodes = kept;
}

function largeConstant(node: Node): Tensor | null {
  const value = node.op === 'Constant' ? node.attributes.get('value') : undefined;
  return value?.kind === 'tensor' && elementCount(value.value.dims) > SMALL ? value.value : null;
}

const FLOATS: ReadonlySet<number> = new Set([
  DataType.float,
  DataType.float16,
  DataType.double,
  DataType.bfloat16,
]);

/** The tensor of a Constant node of a floating-point type, or null. */
export function floatConstant(node: Node): Tensor | null {
  if (node.op !== 'Constant' || (node.domain !== '' && node.domain !== 'ai.onnx')) return null;
  const name = node.outputs[0] as string;
  const value = node.attributes.get('value');
  if (value?.kind === 'tensor')
    return FLOATS.has(value.value.type) ? { ...value.value, name } : null;
  const one = node.attributes.get('value_float');
  if (one?.kind === 'float') return floats(name, [], [one.value]);
  const many = node.attributes.get('value_floats');
  return many?.kind === 'floats' ? floats(name, [many.value.length], many.value) : null;
}

function floats(name: string, dims: readonly number[], values: readonly number[]): Tensor {
  const data = new Uint8Array(Float32Array.from(values).buffer);
  return { name, type: DataType.float, dims, data };
}

function liftFromSubgraphs(node: Node, subgraph: Subgraph): Node {
  const attributes = new Map<string, Attribute>();
  for (const [name, attribute] of node.attributes) {
    const scope = `${node.outputs[0]}/${name}`;
    if (attribute.kind === 'graph')
      attributes.set(name, {
        ...attribute,
        value: liftFromGraph(attribute.value, scope, subgraph),
      });
    else if (attribute.kind === 'graphs') {
      attributes.set(name, {
        ...attribute,
        value: attribute.value.map((graph, k) => liftFromGraph(graph, `${scope}${k}`, subgraph)),
      });
    } else attributes.set(name, attribute);
  }
  return { ...node, attributes };
}

/**
 * Lifts large constants out of a branch, which then captures them from the outer scope. One that is
 * an output of the branch is produced there by an Identity.
 */
function liftFromGraph(graph: Graph, scope: string, subgraph: Subgraph): Graph {
  const rename = new Map<string, string>();
  const initializers = new Map<string, Tensor>();
  for (const [name, tensor] of graph.initializers) {
    if (elementCount(tensor.dims) > SMALL) lift(name, tensor);
    else initializers.set(name, tensor);
  }
  const nodes: Node[] = [];
  for (const node of graph.nodes) {
    const tensor = largeConstant(node);
    if (tensor) lift(node.outputs[0] as string, tensor);
    else nodes.push(subgraphs(node).length > 0 ? liftFromSubgraphs(node, subgraph) : node);
  }
  const lifted = nodes.map((node) => renameNode(node, rename));
  for (const { name } of graph.outputs) {
    const outer = rename.get(name);
    if (outer)
      lifted.push({
        name: '',
        op: 'Identity',
        domain: '',
        inputs: [outer],
        outputs: [name],
        attributes: new Map(),
      });
  }
  return { ...graph, initializers, nodes: lifted };

  function lift(name: string, tensor: Tensor): void {
    const outer = `${scope}/${name}`;
    rename.set(name, outer);
    subgraph.initializers.set(outer, tensor);
  }
}

/**
 * Replaces a Reshape or Identity of a large constant by the same bytes with other dimensions, so
 * that a tied table stays one buffer.
 */
export function aliasReshapes(subgraph: Subgraph): void {
  subgraph.nodes = subgraph.nodes.filter((node) => {
    const source = subgraph.initializers.get(node.inputs[0] ?? '');
    const output = node.outputs[0];
    if (
      !source ||
      !output ||
      elementCount(source.dims) <= SMALL ||
      subgraph.outputs.includes(output)
    )
      return true;
    let dims: readonly number[] | null = null;
    if (node.op === 'Identity') dims = source.dims;
    if (node.op === 'Reshape')
      dims = reshaped(source.dims, constantInts(subgraph, node.inputs[1] ?? ''));
    if (!dims) return true;
    subgraph.initializers.set(output, { ...source, name: output, dims });
    return false;
  });
}

function reshaped(from: readonly number[], shape: readonly number[] | null): number[] | null {
  if (!shape) return null;
  const dims = shape.map((d, k) => (d === 0 ? (from[k] ?? 0) : d));
  const known = dims.reduce((n, d) => (d === -1 ? n : n * d), 1);
  const total = elementCount(from);
  const full = dims.map((d) => (d === -1 ? total / known : d));
  return elementCount(full) === total && full.every(Number.isInteger) ? full : null;
}
