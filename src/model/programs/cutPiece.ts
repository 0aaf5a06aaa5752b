// Cuts the nodes behind some values out of a graph, up to a frontier of inputs; must not know what
// the values mean.

import { dependencies } from '../../onnx/captures.ts';
import type { Node, Tensor } from '../../onnx/graph.ts';
import type { Structure } from '../structure/structure.ts';

/**
 * A part of a graph on its way to a program: nodes in topological order, values at the frontier,
 * constants it uses.
 */
export interface Piece {
  nodes: Node[];
  /** Values that come from outside, in order of first use. */
  inputs: string[];
  outputs: string[];
  /** Constants by value name; large ones become weights later. */
  initializers: Map<string, Tensor>;
}

/**
 * The nodes that compute `outputs`, walking back as long as `inside` allows it; constant cones are
 * always inside.
 * @param nodes parallel to `structure.graph.nodes`; may hold rewritten nodes at the same positions.
 */
export function cutPiece(
  structure: Structure,
  nodes: readonly Node[],
  outputs: readonly string[],
  inside: (position: number) => boolean,
): Piece {
  const { positions, inputs, initializers } = reachBack(structure, nodes, outputs, inside);
  return {
    nodes: positions.map((position) => copyNode(nodes[position] as Node)),
    inputs,
    outputs: [...outputs],
    initializers,
  };
}

/** What `outputs` are computed from. */
export interface Reach {
  /** Of the nodes, ascending. */
  positions: number[];
  /** Values that come from outside, in order of first use. */
  inputs: string[];
  initializers: Map<string, Tensor>;
  /** How many values the nodes read, counted at every node. */
  operands: number;
}

/** The walk of `cutPiece`, without copies of the nodes. */
export function reachBack(
  structure: Structure,
  nodes: readonly Node[],
  outputs: readonly string[],
  inside: (position: number) => boolean,
): Reach {
  const { graph, producer, region } = structure;
  const taken = new Set<number>();
  const seen = new Set<string>();
  const inputs: string[] = [];
  const initializers = new Map<string, Tensor>();
  let operands = 0;
  const stack = [...outputs].reverse();
  while (stack.length > 0) {
    const value = stack.pop() as string;
    if (seen.has(value)) continue;
    seen.add(value);
    const tensor = graph.initializers.get(value);
    if (tensor) {
      initializers.set(value, tensor);
      continue;
    }
    const position = producer.get(value);
    if (position === undefined || (region[position] !== -1 && !inside(position)))
      inputs.push(value);
    else if (!taken.has(position)) {
      taken.add(position);
      const read = dependencies(nodes[position] as Node);
      operands += read.length;
      for (const x of read.reverse()) stack.push(x);
    }
  }
  return { positions: [...taken].sort((a, b) => a - b), inputs, initializers, operands };
}

/**
 * A node that may be edited without touching the original; attributes are shared and must be
 * replaced, not changed.
 */
export function copyNode(node: Node): Node {
  const { name, op, domain } = node;
  return {
    name,
    op,
    domain,
    inputs: [...node.inputs],
    outputs: [...node.outputs],
    attributes: new Map(node.attributes),
  };
}

/**
 * Drops nodes and constants that no output needs any more, and recomputes the inputs; call after a
 * rewrite.
 */
export function trimPiece(piece: Piece): void {
  const producer = new Map<string, Node>();
  for (const node of piece.nodes)
    for (const value of node.outputs) if (value !== '') producer.set(value, node);
  const seen = new Set<string>();
  const alive = new Set<Node>();
  const stack = [...piece.outputs];
  const inputs: string[] = [];
  while (stack.length > 0) {
    const value = stack.pop() as string;
    if (seen.has(value)) continue;
    seen.add(value);
    const node = producer.get(value);
    if (node) {
      if (!alive.has(node)) for (const x of dependencies(node)) stack.push(x);
      alive.add(node);
    } else if (!piece.initializers.has(value)) inputs.push(value);
  }
  const rank = new Map(piece.inputs.map((value, k) => [value, k]));
  piece.nodes = piece.nodes.filter((node) => alive.has(node));
  piece.inputs = inputs.sort((a, b) => (rank.get(a) ?? 1e9) - (rank.get(b) ?? 1e9));
  for (const name of [...piece.initializers.keys()])
    if (!seen.has(name)) piece.initializers.delete(name);
}

/**
 * Integers of a constant value of the piece (initializer or Constant node), or null when it is not
 * a small known constant.
 */
export function constantInts(piece: Piece, value: string): number[] | null {
  const tensor = constantTensor(piece, value);
  if (tensor?.data instanceof Uint8Array) return intsOf(tensor.data, tensor.type);
  const node = constantNode(piece, value);
  const ints = node?.attributes.get('value_ints') ?? node?.attributes.get('value_int');
  if (ints?.kind === 'ints') return [...ints.value];
  return ints?.kind === 'int' ? [ints.value] : null;
}

/** The tensor of an initializer or Constant node of the piece. */
export function constantTensor(piece: Piece, value: string): Tensor | null {
  const tensor = piece.initializers.get(value);
  if (tensor) return tensor;
  const attribute = constantNode(piece, value)?.attributes.get('value');
  return attribute?.kind === 'tensor' ? attribute.value : null;
}

const constants = new WeakMap<readonly Node[], { length: number; byValue: Map<string, Node> }>();

/**
 * The Constant node of a value; the list is gone through once for as long as it stays the same list
 * of the same length.
 */
function constantNode({ nodes }: Piece, value: string): Node | undefined {
  let known = constants.get(nodes);
  if (known?.length !== nodes.length) {
    known = { length: nodes.length, byValue: new Map() };
    for (const node of nodes)
      if (node.op === 'Constant') known.byValue.set(node.outputs[0] ?? '', node);
    constants.set(nodes, known);
  }
  return known.byValue.get(value);
}

function intsOf(data: Uint8Array, type: number): number[] | null {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  if (type === 7)
    return Array.from({ length: data.byteLength / 8 }, (_, k) =>
      Number(view.getBigInt64(k * 8, true)),
    );
  if (type === 6)
    return Array.from({ length: data.byteLength / 4 }, (_, k) => view.getInt32(k * 4, true));
  return null;
}
