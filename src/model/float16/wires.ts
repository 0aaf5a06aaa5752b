// Who makes and who reads the float32 values of a graph: what precisions are decided on. Changes
// nothing.

import { capturesOf, dependencies, subgraphs } from '../../onnx/captures.ts';
import { DataType, elementCount, type Graph, intAttribute, type Node } from '../../onnx/graph.ts';
import { elementTypes } from '../../onnx/types.ts';

/** What the graph is known by: the rest is found by following its values. */
export interface Interface {
  /** Token ids, or embeddings in their place. */
  tokens: string;
  /** Inputs that are caches or states. */
  states: ReadonlySet<string>;
}

interface Reader {
  node: Node;
  /** Input slot; -1 for a value that a subgraph captures. */
  slot: number;
}

export interface Wires {
  graph: Graph;
  isFloat(value: string): boolean;
  /** The value behind Casts from float32 to float32, which exporters leave behind. */
  root(value: string): string;
  isNoop(node: Node): boolean;
  /** Readers of a value, those of its no-op Casts in place of these. */
  readers(value: string): readonly Reader[];
  /** Values that the subgraphs of a node take from around it. */
  captured(node: Node): string[];
  /** Known before any run: initializers, Constant nodes and what is made of them alone. */
  constants: ReadonlySet<string>;
  /** Depends on embedded tokens or on a cache, sizes aside. */
  content: ReadonlySet<string>;
  /** Elements of a constant, of its largest operand where it is made of several; else 0. */
  elements(value: string): number;
}

const SIZES: ReadonlySet<string> = new Set(['Shape', 'Size']);
const LOOKUPS: ReadonlySet<string> = new Set(['Gather', 'GatherND', 'GatherBlockQuantized']);

export function wiresOf(graph: Graph, { tokens, states }: Interface): Wires {
  const types = elementTypes(graph);
  const isFloat = (value: string): boolean => types.get(value) === DataType.float;
  const roots = new Map<string, string>();
  const root = (value: string): string => roots.get(value) ?? value;
  const isNoop = (node: Node): boolean => roots.has(node.outputs[0] ?? '');
  const index = new Map<string, Reader[]>();
  const constants = new Set(graph.initializers.keys());
  const content = new Set(states);
  const sizes = new Map([...graph.initializers].map(([x, { dims }]) => [x, elementCount(dims)]));
  // Ids count as content only where something looks up rows by them.
  const ids = new Set<string>();
  if (isFloat(tokens)) content.add(tokens);
  else ids.add(tokens);

  for (const node of graph.nodes) {
    const read = dependencies(node).map(root);
    const [output = ''] = node.outputs;
    const outputs = node.outputs.filter((x) => x !== '');
    if (intAttribute(node, 'to') === DataType.float && node.op === 'Cast' && isFloat(read[0] ?? ''))
      roots.set(output, read[0] as string);
    else {
      for (const [slot, x] of node.inputs.entries()) if (x) note(root(x), { node, slot });
      if (subgraphs(node).length > 0) for (const x of new Set(read)) note(x, { node, slot: -1 });
    }
    const value = node.op === 'Constant' ? node.attributes.get('value') : undefined;
    if (value?.kind === 'tensor') sizes.set(output, elementCount(value.value.dims));
    if (read.every((x) => constants.has(x))) {
      const largest = Math.max(0, ...read.map((x) => sizes.get(x) ?? 0));
      for (const x of outputs) {
        constants.add(x);
        if (!sizes.has(x)) sizes.set(x, largest);
      }
    }
    if (SIZES.has(node.op)) continue;
    const found = LOOKUPS.has(node.op) && ids.has(root(node.inputs[1] ?? '')) && isFloat(output);
    if (found || read.some((x) => content.has(x))) for (const x of outputs) content.add(x);
    else if (read.some((x) => ids.has(x))) for (const x of outputs) ids.add(x);
  }
  return {
    graph,
    isFloat,
    root,
    isNoop,
    readers: (value) => index.get(root(value)) ?? [],
    captured: (node) => [...new Set(subgraphs(node).flatMap(capturesOf))],
    constants,
    content,
    elements: (value) => sizes.get(value) ?? 0,
  };

  function note(value: string, reader: Reader): void {
    const list = index.get(value);
    if (list) list.push(reader);
    else index.set(value, [reader]);
  }
}
