// Dims of the values of a graph, as far as they follow from declared shapes and from nodes that
// compute sizes: numbers, and symbols for what only a run decides. Reads no weights.

import type { Graph } from '../../../onnx/graph.ts';
import { type Known, ofTensor, type Size } from './size.ts';
import { Call, ruleOf } from './sizeRules.ts';

export type KnownSizes = ReadonlyMap<string, Known>;

/** @param graph sorted. Values of unknown rank and content are absent. */
export function knownSizes(graph: Graph): KnownSizes {
  const known = new Map<string, Known>();
  for (const tensor of graph.initializers.values()) known.set(tensor.name, ofTensor(tensor));
  for (const { name, dims } of graph.inputs)
    if (!known.has(name)) known.set(name, { dims: dims && declared(name, dims), content: null });
  for (const node of graph.nodes) {
    const call = new Call(node, known);
    const results = ruleOf(node.op)?.(call) ?? [];
    for (const [k, name] of node.outputs.entries()) {
      if (name === '') continue;
      const found = results[k] ?? null;
      const stated = graph.valueInfo.get(name)?.dims;
      if (found?.dims || found?.content) known.set(name, found);
      else if (stated) known.set(name, { dims: declared(name, stated), content: null });
    }
  }
  return known;
}

function declared(name: string, dims: readonly (Size | null)[]): Size[] {
  return dims.map((size, axis) => size ?? `${name}[${axis}]`);
}
