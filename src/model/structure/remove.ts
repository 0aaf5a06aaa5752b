// Removes blocks or sublayers from a decoder graph: the result is a new graph that computes exactly
// what the original would without them.

import { EspalierError } from '../../errors.ts';
import { dependencies } from '../../onnx/captures.ts';
import { checkGraph } from '../../onnx/check.ts';
import type { Graph, Model } from '../../onnx/graph.ts';
import { renameValues } from '../../onnx/rename.ts';
import { fuseSkipNorms } from '../../onnx/skipnorm.ts';
import { trimGraph } from '../../onnx/trim.ts';
import type { Unit } from '../../units.ts';
import { withParting } from './parted.ts';
import { planRemoval, type Removal } from './removal.ts';
import { refuse } from './removeGraph.ts';
import { rewired } from './removeReaders.ts';
import type { Structure } from './structure.ts';

/** The model without the units: plans the removal and applies it. @throws EspalierError as both */
export function removeUnits(structure: Structure, removed: readonly Unit[]): Model {
  return applyRemoval(structure, planRemoval(structure, removed));
}

/**
 * The model without what the removal takes: sorted, skip norms fused again, dead weights gone,
 * states renumbered over the blocks that keep their attention, in their order.
 * @throws EspalierError `unsupported-graph` when a node that stays reads a removed cache
 */
export function applyRemoval({ graph, model }: Structure, removal: Removal): Model {
  const { goneInputs, goneOutputs } = removal;
  const trimmed = trimGraph({
    ...graph,
    nodes: graph.nodes.map((node, position) => rewired(removal, node, position)),
    outputs: graph.outputs.filter(({ name }) => !goneOutputs.has(name)),
  });
  const used = new Set(trimmed.nodes.flatMap(dependencies));
  const read = [...goneInputs].find((name) => used.has(name));
  if (read) refuse(`The cache ${read} of a removed block is still read by a node that stays.`);
  const open: Graph = {
    ...trimmed,
    inputs: trimmed.inputs.filter(({ name }) => !goneInputs.has(name)),
  };
  const result = trimGraph(fuseSkipNorms(renameValues(open, removal.names)));
  const wrong = checkGraph(result);
  if (wrong.length > 0)
    throw new EspalierError(
      'bug',
      `The pruned graph is not valid: ${wrong[0]}.`,
      'Please report this model.',
      wrong.join('\n'),
    );
  return { ...model, graph: result, metadata: withParting(model.metadata, removal.parting) };
}
