// Gives the values of a subgraph canonical names, so that blocks that differ only in weights and
// names become one program.

import { EspalierError } from '../../errors.ts';
import { keyOf } from '../../onnx/bytes.ts';
import { dependencies, subgraphs } from '../../onnx/captures.ts';
import type { Attribute, Graph, Node, Tensor } from '../../onnx/graph.ts';
import { renameNode } from '../../onnx/rename.ts';
import { parseStateName } from '../structure/kv.ts';
import type { Structure } from '../structure/structure.ts';
import type { Subgraph } from './subgraph.ts';
import { cutSubgraph } from './subgraph.ts';
import { isSmallConstant } from './weights.ts';

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
 * Names values in a depth-first walk from the outputs.
 * @param role the role of an input; the k-th input of a role is called `<role>k` (`side0`,
 *   `side1`).
 */
export function canonical(subgraph: Subgraph, role: (input: string) => string): Canonical {
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
  return { key: JSON.stringify(tokens), subgraph: rebuilt(), slots };

  function walk(root: string): void {
    const stack: { value: string; ready: boolean }[] = [{ value: root, ready: false }];
    while (stack.length > 0) {
      const { value, ready } = stack.pop() as { value: string; ready: boolean };
      if (names.has(value)) continue;
      const tensor = subgraph.initializers.get(value);
      const node = producer.get(value);
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
    const id = next('n');
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
    nodes.push({ ...renameNode(node, names), name: id });
  }

  function rebuilt(): Subgraph {
    const to = (value: string): string => names.get(value) ?? value;
    return {
      nodes,
      inputs: [...slots.keys()].filter((name) => !initializers.has(name)),
      outputs: subgraph.outputs.map(to),
      initializers,
    };
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

/**
 * The structural class of every block, states included: blocks of one class are the same graph up
 * to weights and names. Classes are numbered in order of first appearance.
 * @throws EspalierError `too-large` beyond MAX_BLOCK_NODES.
 */
export function structuralClasses(structure: Structure): number[] {
  const known = new Map<string, number>();
  const states = new Map(
    structure.blocks.flatMap((block) =>
      block.states.map((state): [string, string] => [state.input, stateKind(state.input)]),
    ),
  );
  const cuts = new Set(structure.cuts);
  let total = 0;
  return structure.blocks.map((block, b) => {
    const outputs = [block.output, ...block.states.map((state) => state.output)];
    const inside = (position: number): boolean =>
      structure.region[position] === b + 1 || structure.copyable(b, position);
    const subgraph = cutSubgraph(structure, structure.graph.nodes, outputs, inside);
    total += subgraph.nodes.length;
    if (total > MAX_BLOCK_NODES)
      throw new EspalierError(
        'too-large',
        `The blocks have more than ${MAX_BLOCK_NODES} nodes together, counting those computed ` +
          'from constants once for every block that reads them.',
        'Simplify the model (fold its constants) and open it again.',
      );
    const { key } = canonical(subgraph, (input) =>
      cuts.has(input) ? 'residual' : (states.get(input) ?? 'side'),
    );
    const id = known.get(key) ?? known.size;
    known.set(key, id);
    return id;
  });
}

/** The name of a state without its layer index. */
function stateKind(name: string): string {
  const { prefix, suffix } = parseStateName(name) ?? { prefix: name, suffix: '' };
  return `past:${prefix}${suffix}:`;
}
