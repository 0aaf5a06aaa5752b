// Drops what no output of a graph depends on: nodes, initializers, inputs that only declare an
// initializer, and declared types of values that are gone.

import { dependencies } from './captures.ts';
import type { Graph, Node } from './graph.ts';

/**
 * The graph without dead nodes and values. Inputs that must be fed stay even when nothing reads
 * them.
 */
export function trimGraph(graph: Graph): Graph {
  const producer = new Map<string, Node>();
  for (const node of graph.nodes) for (const o of node.outputs) if (o) producer.set(o, node);
  const used = new Set<string>();
  const alive = new Set<Node>();
  const pending = graph.outputs.map((o) => o.name);
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (used.has(name)) continue;
    used.add(name);
    const node = producer.get(name);
    if (!node || alive.has(node)) continue;
    alive.add(node);
    for (const x of dependencies(node)) pending.push(x);
  }
  const nodes = graph.nodes.filter((n) => alive.has(n));
  const live = new Set<string>();
  for (const node of nodes) for (const o of node.outputs) if (o) live.add(o);
  return {
    ...graph,
    nodes,
    initializers: new Map([...graph.initializers].filter(([name]) => used.has(name))),
    inputs: graph.inputs.filter((v) => used.has(v.name) || !graph.initializers.has(v.name)),
    valueInfo: new Map([...graph.valueInfo].filter(([name]) => live.has(name))),
  };
}
