// A decoder with changed weights as a structure of its own: the programs that are cut out of it
// compute with the very bytes that an export writes.

import type { Node } from '../../onnx/graph.ts';
import { elementTypes } from '../../onnx/types.ts';
import type { Structure } from '../structure/structure.ts';
import { type HealedGraph, type HealedQuantised, healedGraph } from './healedGraph.ts';
import type { Healing } from './healing.ts';
import { changesByWeight, findWeight } from './storedWeights.ts';
import { type BlockOf, blocksByPosition, usesOf } from './weightUses.ts';

/** The block of a node of a graph that was made of the structure's, by the first thing it makes. */
export function blockOfValues(
  structure: Structure,
  original: (value: string) => string = (value) => value,
): BlockOf {
  const blockAt = blocksByPosition(structure);
  return ({ outputs }) => {
    const places = outputs.map((value) => structure.producer.get(original(value)));
    const first = places.find((position) => position !== undefined);
    return first === undefined ? null : blockAt(first);
  };
}

/**
 * The decoder with the changes of a healing; the given one stays as it is, and no weight is read.
 * Blocks, cuts and caches are the same.
 * @param quantised 4-bit and 8-bit matrices are quantised again as the file has them, or become
 *   products with float matrices
 * @throws EspalierError `bad-input` for changes of other weights, `unsupported-graph` for weights
 *   in a form that cannot be changed
 */
export function healedStructure(
  structure: Structure,
  { changes }: Pick<Healing, 'changes'>,
  quantised: HealedQuantised,
): Structure {
  const all = changesByWeight(changes);
  const uses = usesOf(structure);
  for (const change of all) findWeight(uses, change);
  const { graph, model } = structure;
  const blockAt = blocksByPosition(structure);
  const healed = healedGraph(graph, (_, position) => blockAt(position), all, quantised);
  const written = healedGraph(model.graph, blockOfValues(structure), all, quantised);
  return {
    ...structure,
    ...placed(structure, healed),
    model: { ...model, graph: written.graph },
  };
}

/** What a structure knows of the positions and values of its graph. */
function placed(
  structure: Structure,
  { graph, origins }: HealedGraph,
): Pick<
  Structure,
  'graph' | 'region' | 'leaks' | 'producer' | 'constants' | 'typeOf' | 'copyable'
> {
  const before = new Map(structure.graph.nodes.map((node, position) => [node, position]));
  const source = graph.nodes.map((node) => before.get(origins.get(node) ?? node) ?? -1);
  const after = new Map<number, number>();
  // Of the nodes that stand for one, the last makes its value.
  source.forEach((from, position) => {
    after.set(from, position);
  });
  const types = elementTypes(graph);
  return {
    graph,
    region: Int32Array.from(source, (from) => structure.region[from] ?? -1),
    leaks: structure.leaks.map((leak) => ({ ...leak, reader: after.get(leak.reader) ?? -1 })),
    producer: producers(graph.nodes),
    constants: constantsOf(structure, { graph, origins }),
    typeOf: (value) => types.get(value) ?? 0,
    copyable: (block, position) => structure.copyable(block, source[position] ?? -1),
  };
}

function producers(nodes: readonly Node[]): Map<string, number> {
  const found = new Map<string, number>();
  nodes.forEach(({ outputs }, position) => {
    for (const value of outputs) if (value !== '') found.set(value, position);
  });
  return found;
}

/** Those of the source, the new tensors, and what they are rearranged to. */
function constantsOf({ constants }: Structure, { graph, origins }: HealedGraph): Set<string> {
  const found = new Set([...constants, ...graph.initializers.keys()]);
  for (const node of origins.keys())
    if (node.inputs.every((value) => value === '' || found.has(value)))
      for (const value of node.outputs) found.add(value);
  return found;
}
