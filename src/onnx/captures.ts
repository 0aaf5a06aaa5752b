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

/**
 * The nodes that these values depend on, in their order, and those of `keep` with what they need.
 * @param nodes in the order in which they run.
 */
export function usedNodes(
  nodes: readonly Node[],
  values: Iterable<string>,
  keep: ReadonlySet<Node> = new Set(),
): Node[] {
  const read = new Set(values);
  const used: Node[] = [];
  for (const node of nodes.toReversed()) {
    if (!keep.has(node) && !node.outputs.some((name) => read.has(name))) continue;
    for (const name of dependencies(node)) read.add(name);
    used.push(node);
  }
  return used.reverse();
}
