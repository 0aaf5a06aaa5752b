// Gives the values of a subgraph canonical names, so that blocks that differ only in weights and
// names become one program.

import { EspalierError } from '../../errors.ts';
import { keyOf } from '../../onnx/bytes.ts';
import { dependencies, subgraphs } from '../../onnx/captures.ts';
import type { Attribute, Graph, Node, Tensor } from '../../onnx/graph.ts';
import { renameNode } from '../../onnx/rename.ts';
import { parseStateName } from '../structure/kv.ts';
import type { Structure } from '../structure/structure.ts';
import { reachBack, type Subgraph, type SubgraphReach } from './subgraph.ts';
import { floatConstant, isSmallConstant } from './weights.ts';

/**
 * A subgraph under canonical names. Subgraphs with equal keys are one program with different
 * weights and side values bound to its slots.
 */
export interface Canonical {
  key: string;
  subgraph: Subgraph;
  /** Canonical name of each input and weight to its name in the model, in order of first use. */
  slots: Map<string, string>;
}

/**
 * Names values in a depth-first walk from the outputs. Floating-point constants are weights,
 * whether initializers or Constant nodes: layers that differ in a factor are of one class.
 * @param role the role of an input; the k-th input of a role is called `<role>k` (`side0`,
 *   `side1`).
 */
export function canonical(subgraph: Subgraph, role: (input: string) => string): Canonical {
  const { key, names, slots, nodes, initializers } = named(subgraph, role);
  const to = (value: string): string => names.get(value) ?? value;
  return {
    key,
    slots,
    subgraph: {
      nodes: nodes.map((node, k) => ({ ...renameNode(node, names), name: nodeName(k) })),
      inputs: [...slots.keys()].filter((name) => !initializers.has(name)),
      outputs: subgraph.outputs.map(to),
      initializers,
    },
  };
}

const nodeName = (order: number): string => `n${order}`;

interface Named {
  key: string;
  /** Value of the subgraph to its canonical name. */
  names: ReadonlyMap<string, string>;
  slots: Map<string, string>;
  /** In the order of the walk, under their own names. */
  nodes: Node[];
  /** By canonical name. */
  initializers: Map<string, Tensor>;
}

function named(
  subgraph: Pick<Subgraph, 'nodes' | 'outputs' | 'initializers'>,
  role: (input: string) => string,
): Named {
  const producer = new Map<string, Node>();
  for (const node of subgraph.nodes)
    for (const value of node.outputs) if (value !== '') producer.set(value, node);
  const names = new Map<string, string>();
  const slots = new Map<string, string>();
  const counts = new Map<string, number>();
  const tokens: unknown[] = [];
  const initializers = new Map<string, Tensor>();
  const nodes: Node[] = [];
  const next = (kind: string): string => {
    const n = counts.get(kind) ?? 0;
    counts.set(kind, n + 1);
    return `${kind}${n}`;
  };
  for (const output of subgraph.outputs) {
    walk(output);
    tokens.push(['out', names.get(output)]);
  }
  return { key: JSON.stringify(tokens), names, slots, nodes, initializers };

  function walk(root: string): void {
    const stack: { value: string; ready: boolean }[] = [{ value: root, ready: false }];
    while (stack.length > 0) {
      const { value, ready } = stack.pop() as { value: string; ready: boolean };
      if (names.has(value)) continue;
      const node = producer.get(value);
      const tensor = subgraph.initializers.get(value) ?? (node ? floatConstant(node) : null);
      if (tensor) nameConstant(value, tensor);
      else if (!node) {
        const name = next(role(value));
        names.set(value, name);
        slots.set(name, value);
        tokens.push([name]);
      } else if (ready) nameNode(node);
      else {
        stack.push({ value, ready: true });
        for (const operand of dependencies(node).reverse())
          if (!names.has(operand)) stack.push({ value: operand, ready: false });
      }
    }
  }

  function nameConstant(value: string, tensor: Tensor): void {
    const small = isSmallConstant(tensor);
    const name = next(small ? 'const' : 'weight');
    names.set(value, name);
    if (!small) slots.set(name, value);
    initializers.set(name, { ...tensor, name });
    tokens.push([
      name,
      tensor.type,
      tensor.dims,
      small && tensor.data instanceof Uint8Array ? hex(tensor.data) : '',
    ]);
  }

  function nameNode(node: Node): void {
    const id = nodeName(nodes.length);
    node.outputs.forEach((value, k) => {
      if (value !== '') names.set(value, `${id}_${k}`);
    });
    const to = (value: string): string => names.get(value) ?? '';
    tokens.push([
      id,
      node.domain,
      node.op,
      node.inputs.map(to),
      node.outputs.map(to),
      attributeTokens(node, names),
    ]);
    nodes.push(node);
  }
}

function attributeTokens(node: Node, names: ReadonlyMap<string, string>): unknown[] {
  const sorted = [...node.attributes.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  const graphs = subgraphs(node).map((graph) => graphTokens(graph, names));
  return [
    ...sorted.map((attribute) => [attribute.name, attribute.kind, plain(attribute)]),
    ...graphs,
  ];
}

function graphTokens(graph: Graph, names: ReadonlyMap<string, string>): unknown[] {
  const to = (value: string): string => names.get(value) ?? value;
  const inner = graph.nodes.map((node) => [
    node.domain,
    node.op,
    node.inputs.map(to),
    node.outputs,
    attributeTokens(node, names),
  ]);
  return [
    inner,
    [...graph.initializers.values()].map(tensorToken),
    graph.outputs.map((output) => output.name),
  ];
}

function plain(attribute: Attribute): unknown {
  switch (attribute.kind) {
    case 'graph':
    case 'graphs':
      return null;
    case 'string':
    case 'opaque':
      return hex(attribute.value);
    case 'strings':
      return attribute.value.map(hex);
    case 'tensor':
      return tensorToken(attribute.value);
    case 'tensors':
      return attribute.value.map(tensorToken);
    default:
      return Number.isFinite(attribute.value) || Array.isArray(attribute.value)
        ? attribute.value
        : String(attribute.value);
  }
}

function tensorToken(tensor: Tensor): unknown {
  const { data } = tensor;
  return [tensor.type, tensor.dims, data instanceof Uint8Array ? hex(data) : keyOf(data)];
}

function hex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
}

/**
 * Most nodes of all blocks together. Nodes computed from constants alone are cut out with every
 * block that reads them and count for each. Real models share a handful, so that this stays near
 * the number of nodes of the graph.
 */
export const MAX_BLOCK_NODES = 250_000;
/** Values that these nodes read. Real ones read two or three each. */
export const MAX_BLOCK_OPERANDS = 1_000_000;

/**
 * Structural class of every block, states included: blocks of one class are the same graph up to
 * weights and names. Classes are numbered by first appearance.
 * @throws EspalierError `too-large` beyond MAX_BLOCK_NODES or MAX_BLOCK_OPERANDS
 */
export function structuralClasses(structure: Structure): number[] {
  const { blocks, graph, region } = structure;
  const states = new Map(
    blocks.flatMap((block) =>
      block.states.map((state): [string, string] => [state.input, stateKind(state.input)]),
    ),
  );
  const cuts = new Set(structure.cuts);
  const role = (input: string): string =>
    cuts.has(input) ? 'residual' : (states.get(input) ?? 'side');
  const subgraphs = blocks.map((block, b) => {
    const outputs = [block.output, ...block.states.map((state) => state.output)];
    const inside = (position: number): boolean =>
      region[position] === b + 1 || structure.copyable(b, position);
    return { outputs, reach: () => reachBack(structure, graph.nodes, outputs, inside) };
  });
  requireFew(subgraphs);
  const known = new Map<string, number>();
  return subgraphs.map(({ outputs, reach }) => {
    const { positions, initializers } = reach();
    const nodes = positions.map((position) => graph.nodes[position]!);
    const { key } = named({ nodes, outputs, initializers }, role);
    const id = known.get(key) ?? known.size;
    known.set(key, id);
    return id;
  });
}

/** Counts before anything is named: a walk alone takes a fraction of the time. */
function requireFew(subgraphs: readonly { reach: () => SubgraphReach }[]): void {
  const total = { nodes: 0, operands: 0 };
  const tooMany = (what: string): EspalierError =>
    new EspalierError(
      'too-large',
      `The blocks have more than ${what} together, those computed from constants counted for ` +
        'every block that reads them.',
      'Simplify the model (fold its constants) and open it again.',
    );
  for (const { reach } of subgraphs) {
    const { positions, operands } = reach();
    total.nodes += positions.length;
    total.operands += operands;
    if (total.nodes > MAX_BLOCK_NODES) throw tooMany(`${MAX_BLOCK_NODES} nodes`);
    if (total.operands > MAX_BLOCK_OPERANDS)
      throw tooMany(`${MAX_BLOCK_OPERANDS} operands of nodes`);
  }
}

/** The name of a state without its layer index. */
function stateKind(name: string): string {
  const { prefix, suffix } = parseStateName(name) ?? { prefix: name, suffix: '' };
  return `past:${prefix}${suffix}:`;
}
