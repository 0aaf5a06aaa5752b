// The values that a node depends on, including those that its subgraphs capture from outer scopes.

import type { Graph, Node } from './graph.ts';

/** The subgraphs of a node (branches of If, bodies of Loop and Scan). */
export function subgraphs(node: Node): Graph[] {
  const found: Graph[] = [];
  for (const a of node.attributes.values()) {
    if (a.kind === 'graph') found.push(a.value);
    else if (a.kind === 'graphs') for (const g of a.value) found.push(g);
  }
  return found;
}

/** Names that a subgraph reads from outer scopes, each once. */
export function capturesOf(graph: Graph): string[] {
  const local = new Set<string>([...graph.inputs.map((v) => v.name), ...graph.initializers.keys()]);
  for (const node of graph.nodes) for (const o of node.outputs) local.add(o);
  const found = new Set<string>();
  for (const node of graph.nodes)
    for (const x of dependencies(node)) if (!local.has(x)) found.add(x);
  for (const o of graph.outputs) if (!local.has(o.name)) found.add(o.name);
  return [...found];
}

/**
 * Names of all values that a node reads: its inputs, then the captures of its subgraphs; not
 * deduplicated.
 */
export function dependencies(node: Node): string[] {
  const names = node.inputs.filter((x) => x !== '');
  for (const g of subgraphs(node)) for (const x of capturesOf(g)) names.push(x);
  return names;
}
