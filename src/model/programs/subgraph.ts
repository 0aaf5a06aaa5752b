// Cuts out of a graph the nodes that compute given values, back to a frontier of input values.

import { dependencies } from '../../onnx/captures.ts';
import type { Node, Tensor } from '../../onnx/graph.ts';
import type { Structure } from '../structure/structure.ts';

/**
 * Nodes cut out of a graph on their way to becoming a program: nodes in topological order, input
 * values at the frontier, and the constants they use.
 */
export interface Subgraph {
  nodes: Node[];
  /** Values computed outside the subgraph, in order of first use. */
  inputs: string[];
  outputs: string[];
  /** Constants by value name; large ones become weights of the program later. */
  initializers: Map<string, Tensor>;
}

/**
 * The nodes that compute `outputs`, following producers backwards for as long as `inside` allows.
 * Nodes that depend on constants alone are always included.
 * @param nodes parallel to `structure.graph.nodes`; may hold rewritten nodes at the same positions.
 * @param inside whether the node at a position of `nodes` belongs to the subgraph.
 */
export function cutSubgraph(
  structure: Structure,
  nodes: readonly Node[],
  outputs: readonly string[],
  inside: (position: number) => boolean,
): Subgraph {
  const { positions, inputs, initializers } = reachBack(structure, nodes, outputs, inside);
  return {
    nodes: positions.map((position) => copyNode(nodes[position] as Node)),
    inputs,
    outputs: [...outputs],
    initializers,
  };
}

/** What `outputs` are computed from. */
export interface SubgraphReach {
  /** Of the nodes, ascending. */
  positions: number[];
  /** Values that come from outside, in order of first use. */
  inputs: string[];
  initializers: Map<string, Tensor>;
  /** How many values the nodes read, counted at every node. */
  operands: number;
}

/** The walk of `cutSubgraph`, without copies of the nodes. */
export function reachBack(
  structure: Structure,
  nodes: readonly Node[],
  outputs: readonly string[],
  inside: (position: number) => boolean,
): SubgraphReach {
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
 * A copy of a node whose lists and attribute map may be edited. The attribute objects themselves
 * are shared with the original: replace them, do not change them.
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

/** Lets the nodes of a subgraph read other values; what nothing reads any more is not dropped. */
export function replaceValues(subgraph: Subgraph, replace: ReadonlyMap<string, string>): Subgraph {
  if (replace.size === 0) return subgraph;
  for (const node of subgraph.nodes)
    node.inputs = node.inputs.map((x) => {
      let to = x;
      for (let next = replace.get(to); next !== undefined; next = replace.get(to)) to = next;
      return to;
    });
  return subgraph;
}

/**
 * Drops nodes and constants that no output depends on any more and recomputes the inputs. Call it
 * after a rewrite.
 */
export function trimSubgraph(subgraph: Subgraph): void {
  const producer = new Map<string, Node>();
  for (const node of subgraph.nodes)
    for (const value of node.outputs) if (value !== '') producer.set(value, node);
  const seen = new Set<string>();
  const alive = new Set<Node>();
  const stack = [...subgraph.outputs];
  const inputs: string[] = [];
  while (stack.length > 0) {
    const value = stack.pop() as string;
    if (seen.has(value)) continue;
    seen.add(value);
    const node = producer.get(value);
    if (node) {
      if (!alive.has(node)) for (const x of dependencies(node)) stack.push(x);
      alive.add(node);
    } else if (!subgraph.initializers.has(value)) inputs.push(value);
  }
  const rank = new Map(subgraph.inputs.map((value, k) => [value, k]));
  subgraph.nodes = subgraph.nodes.filter((node) => alive.has(node));
  subgraph.inputs = inputs.sort((a, b) => (rank.get(a) ?? 1e9) - (rank.get(b) ?? 1e9));
  for (const name of [...subgraph.initializers.keys()])
    if (!seen.has(name)) subgraph.initializers.delete(name);
}

/**
 * The int32 or int64 elements of a constant of the subgraph (initializer or Constant node), or null
 * when the value is not constant, has another type, or has not been read from its file.
 */
export function constantInts(subgraph: Subgraph, value: string): number[] | null {
  const tensor = constantTensor(subgraph, value);
  if (tensor?.data instanceof Uint8Array) return intsOf(tensor.data, tensor.type);
  const node = constantNode(subgraph, value);
  const ints = node?.attributes.get('value_ints') ?? node?.attributes.get('value_int');
  if (ints?.kind === 'ints') return [...ints.value];
  return ints?.kind === 'int' ? [ints.value] : null;
}

/** The tensor of an initializer or of a Constant node of the subgraph; null when there is none. */
export function constantTensor(subgraph: Subgraph, value: string): Tensor | null {
  const tensor = subgraph.initializers.get(value);
  if (tensor) return tensor;
  const attribute = constantNode(subgraph, value)?.attributes.get('value');
  return attribute?.kind === 'tensor' ? attribute.value : null;
}

const constants = new WeakMap<readonly Node[], { length: number; byValue: Map<string, Node> }>();

/** The Constant node that produces a value. One index per node list, rebuilt when it grows. */
function constantNode({ nodes }: Subgraph, value: string): Node | undefined {
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
