// Topological order of the nodes of a graph.

import { EspalierError } from '../errors.ts';
import { dependencies } from './captures.ts';
import type { Graph, Node } from './graph.ts';

/**
 * True when every node comes after the producers of its inputs. ONNX requires this, but some
 * converters do not comply.
 */
export function isSorted(graph: Graph): boolean {
  const later = new Set<string>();
  for (const node of graph.nodes) for (const o of node.outputs) if (o) later.add(o);
  for (const node of graph.nodes) {
    if (dependencies(node).some((x) => later.has(x))) return false;
    for (const o of node.outputs) later.delete(o);
  }
  return true;
}

/**
 * The nodes in topological order: the file's order when it is one, else depth-first from the nodes
 * in file order.
 * @throws EspalierError `corrupt-file` when the graph has a cycle.
 */
export function sortedNodes(graph: Graph): Node[] {
  if (isSorted(graph)) return [...graph.nodes];
  const producer = new Map<string, Node>();
  for (const node of graph.nodes) for (const o of node.outputs) if (o) producer.set(o, node);
  const state = new Map<Node, 'open' | 'done'>();
  const order: Node[] = [];
  for (const root of graph.nodes) {
    if (state.has(root)) continue;
    const stack: { node: Node; waits: string[]; next: number }[] = [];
    const open = (node: Node): void => {
      state.set(node, 'open');
      stack.push({ node, waits: dependencies(node), next: 0 });
    };
    open(root);
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const name = top.waits[top.next++];
      if (name === undefined) {
        state.set(top.node, 'done');
        order.push(top.node);
        stack.pop();
        continue;
      }
      const before = producer.get(name);
      if (!before || state.get(before) === 'done') continue;
      if (state.get(before) === 'open')
        throw new EspalierError(
          'corrupt-file',
          `The graph has a cycle through ${name}.`,
          'Export the model again.',
        );
      open(before);
    }
  }
  return order;
}
