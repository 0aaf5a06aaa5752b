// Element types of a float16 graph's inputs and outputs, as the loaders of each ecosystem expect
// them.

import type { Graph } from '../../onnx/graph.ts';
import { CACHE_OPS } from './operators.ts';
import type { Precision } from './precision.ts';
import type { Interface, Wires } from './wires.ts';

/**
 * Precision of every float32 input and output by name. ONNX Runtime GenAI takes caches and logits
 * in float16. Elsewhere caches are float16 where an attention operator takes and gives them itself;
 * what graphs put together by Concat stays float32, as do embeddings and logits: so do the
 * converters of transformers.js and ONNX Runtime.
 */
export function interfacePrecisions(
  graph: Graph,
  wires: Wires,
  { states }: Interface,
  genai: boolean,
): Map<string, Precision> {
  const given = new Map<string, Precision>();
  const fused = new Set<string>();
  for (const node of graph.nodes)
    if (CACHE_OPS.has(node.op)) for (const x of node.outputs.slice(1)) if (x) fused.add(x);
  const readByFused = (name: string): boolean => {
    const readers = wires.readers(name).filter(({ node }) => node.op !== 'Shape');
    return readers.length > 0 && readers.every(({ node }) => CACHE_OPS.has(node.op));
  };
  for (const { name } of graph.inputs) {
    if (!wires.isFloat(name) || graph.initializers.has(name)) continue;
    // Embeddings come from a graph of their own, which keeps its precision.
    given.set(name, states.has(name) && (genai || readByFused(name)) ? 'half' : 'full');
  }
  for (const { name } of graph.outputs)
    if (wires.isFloat(name))
      given.set(name, genai || fused.has(wires.root(name)) ? 'half' : 'full');
  return given;
}
