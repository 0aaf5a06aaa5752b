// What each step of an export does to the model. Separate from the table of steps (steps.ts), so
// that the page does not load the code that transforms graphs.

import { DataType, type Model } from '../../onnx/graph.ts';
import { trimGraph } from '../../onnx/trim.ts';
import { toFloat16 } from '../float16/convert.ts';
import { healedGraph } from '../healing/healedGraph.ts';
import { blockOfValues, healedStructure } from '../healing/healedStructure.ts';
import { changesOfCopy } from '../healing/sameWeights.ts';
import { changesByWeight } from '../healing/storedWeights.ts';
import { quantisationPlan } from '../quantise/plan.ts';
import { quantisedModel } from '../quantise/quantisedGraph.ts';
import type { Removal } from '../structure/removal.ts';
import { applyRemoval } from '../structure/remove.ts';
import type { Structure } from '../structure/structure.ts';
import { narrowedBase, narrowedModel } from '../width/cut.ts';
import { healingOf, type StepChoice, type StepId, widthOf } from './steps.ts';

/** What a step may look at besides the model that it changes. */
interface StepContext {
  /** All steps of the export, in their order. */
  steps: readonly StepChoice[];
  /** The source, before any step. */
  structure: Structure;
  /** The decoder whose weights a healing names: the source or another copy of it. */
  named: Structure;
  /** What the removal comes to. */
  removal: Removal;
  /** The folder is one that ONNX Runtime GenAI alone loads. */
  genai: boolean;
}

/**
 * The model after a step; the given one stays as it is. New tensors are computed from old ones when
 * they are read (`derive`), so that no weight is read here.
 * @throws EspalierError `bad-input` or `unsupported-graph` when the step cannot be taken
 */
type Apply<Id extends StepId> = (
  model: Model,
  choice: StepChoice<Id>,
  context: StepContext,
) => Model;

const APPLY: { [Id in StepId]: Apply<Id> } = {
  removal: (_, __, { structure, removal }) => applyRemoval(structure, removal),
  width: (_, { width }, { structure, removal }) => narrowedModel(structure, width, removal),
  healing(model, { healing, quantised }, { structure, named, removal }) {
    const original = new Map([...removal.names].map(([from, to]) => [to, from]));
    const blockOf = blockOfValues(structure, (value) => original.get(value) ?? value);
    const changes = changesOfCopy(named, structure, changesByWeight(healing.changes));
    const { graph } = healedGraph(model.graph, blockOf, changes, quantised);
    return { ...model, graph: trimGraph(graph) };
  },
  float16(model, _, { structure, removal, genai }) {
    if (computesInHalf(structure)) return model;
    const now = (name: string): string => removal.names.get(name) ?? name;
    const states = structure.blocks.flatMap((block) => block.states.map(({ input }) => now(input)));
    return toFloat16(model, { tokens: structure.tokenInput, states: new Set(states) }, genai);
  },
  quantise(model, { quantisation }, { structure, named, removal, steps }) {
    const base = baseOf(structure, named, steps);
    const names = named === structure ? base : baseOf(named, named, steps);
    const original = new Map([...removal.names].map(([from, to]) => [to, from]));
    const blockOf = blockOfValues(base, (value) => original.get(value) ?? value);
    const plan = quantisationPlan(base, names, quantisation);
    return quantisedModel(model, plan, quantisation.settings, blockOf);
  },
};

/** Its residual stream is float16 already. */
const computesInHalf = ({ cuts, typeOf }: Structure): boolean =>
  typeOf(cuts[0] ?? '') === DataType.float16;

/**
 * A copy of the decoder as it is before its weights are rounded: with those of the healing or of
 * the width plan among the steps. @throws EspalierError as `healedStructure` and `narrowedBase`
 */
export function baseOf(
  structure: Structure,
  named: Structure,
  steps: readonly StepChoice[],
): Structure {
  const width = widthOf(steps);
  if (width) return narrowedBase(structure, width);
  const choice = healingOf(steps);
  if (!choice) return structure;
  const own = changesOfCopy(named, structure, changesByWeight(choice.healing.changes));
  const changes = own.flatMap(({ tensor, changes: all }) => all.map((one) => ({ ...one, tensor })));
  return healedStructure(structure, { changes }, choice.quantised);
}

/**
 * The model that an export writes: the source's after all steps.
 * @param source `genai`: only ONNX Runtime GenAI loads it; `named`: the decoder whose weights a
 *   healing names, where that is another copy
 * @throws EspalierError as `Apply`
 */
export function exportedModel(
  {
    structure,
    genai,
    named = structure,
  }: { structure: Structure; genai: boolean; named?: Structure },
  removal: Removal,
  steps: readonly StepChoice[],
): Model {
  const context = { steps, structure, named, removal, genai };
  const apply = (model: Model, choice: StepChoice): Model =>
    (APPLY[choice.step] as Apply<StepId>)(model, choice, context);
  return steps.reduce(apply, structure.model);
}
