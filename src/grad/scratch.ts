// Memory of a run: the values that are alive at once while the nodes of a graph run in their order.

import type { Graph } from '../onnx/graph.ts';

/**
 * The largest sum of bytes of values alive at once, inputs of the graph and its constants apart.
 * Views count as copies, so that it is rather too high.
 */
export function scratchBytes(
  { nodes, outputs }: Pick<Graph, 'nodes' | 'outputs'>,
  bytesOf: (value: string) => number,
): number {
  const lastUse = new Map<string, number>();
  for (const [at, { inputs }] of nodes.entries())
    for (const value of inputs) lastUse.set(value, at);
  for (const { name } of outputs) lastUse.set(name, nodes.length);
  const alive = new Map<string, number>();
  let bytes = 0;
  let most = 0;
  for (const [at, node] of nodes.entries()) {
    for (const value of node.outputs)
      if (value !== '') {
        alive.set(value, bytesOf(value));
        bytes += bytesOf(value);
      }
    most = Math.max(most, bytes);
    for (const value of [...node.inputs, ...node.outputs])
      if (alive.has(value) && (lastUse.get(value) ?? at) <= at) {
        bytes -= alive.get(value) ?? 0;
        alive.delete(value);
      }
  }
  return most;
}
