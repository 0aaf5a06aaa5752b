// Renames values of a graph and its subgraphs by a map that is applied simultaneously, in a copy.

import { capturesOf, subgraphs } from './captures.ts';
import type { Attribute, Graph, Node, ValueInfo } from './graph.ts';

/** The graph with every value `old` renamed to `names.get(old)`; swaps and cycles work. */
export function renameValues(graph: Graph, names: ReadonlyMap<string, string>): Graph {
  if (names.size === 0) return graph;
  const to = (x: string): string => names.get(x) ?? x;
  const value = (v: ValueInfo): ValueInfo => (names.has(v.name) ? { ...v, name: to(v.name) } : v);
  return {
    ...graph,
    nodes: graph.nodes.map((n) => renameNode(n, names)),
    initializers: new Map(
      [...graph.initializers.values()].map((t) => [
        to(t.name),
        names.has(t.name) ? { ...t, name: to(t.name) } : t,
      ]),
    ),
    inputs: graph.inputs.map(value),
    outputs: graph.outputs.map(value),
    valueInfo: new Map([...graph.valueInfo.values()].map((v) => [to(v.name), value(v)])),
  };
}

/**
 * The node with renamed operands; the same object when it has no subgraphs and nothing to rename.
 */
export function renameNode(node: Node, names: ReadonlyMap<string, string>): Node {
  const touched = node.inputs.some((x) => names.has(x)) || node.outputs.some((x) => names.has(x));
  const inner = subgraphs(node).length > 0;
  if (!touched && !inner) return node;
  const to = (x: string): string => names.get(x) ?? x;
  return {
    ...node,
    inputs: node.inputs.map(to),
    outputs: node.outputs.map(to),
    attributes: inner
      ? new Map([...node.attributes].map(([k, a]) => [k, renameAttribute(a, names)]))
      : node.attributes,
  };
}

function renameAttribute(a: Attribute, names: ReadonlyMap<string, string>): Attribute {
  if (a.kind === 'graph') return { ...a, value: renameInner(a.value, names) };
  if (a.kind === 'graphs') return { ...a, value: a.value.map((g) => renameInner(g, names)) };
  return a;
}

/**
 * A subgraph's own values hide outer ones of the same name. Of the map it takes what it reads from
 * outside: many subgraphs share one long map.
 */
function renameInner(graph: Graph, names: ReadonlyMap<string, string>): Graph {
  const outer = new Map<string, string>();
  for (const x of capturesOf(graph)) {
    const to = names.get(x);
    if (to !== undefined) outer.set(x, to);
  }
  return renameValues(graph, outer);
}
