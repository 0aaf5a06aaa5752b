// What each step of an export does to the model. Separate from the table of steps (steps.ts), so
// that the page does not load the code that transforms graphs.

import type { Model } from '../../onnx/graph.ts';
import { toFloat16 } from '../float16/convert.ts';
import { isGenai, type ModelRoot } from '../open/root.ts';
import type { Removal } from '../structure/removal.ts';
import { applyRemoval } from '../structure/remove.ts';
import type { Structure } from '../structure/structure.ts';
import type { StepChoice, StepId } from './steps.ts';

/** What a step may look at besides the model that it changes. */
interface StepContext {
  /** The source, before any step. */
  structure: Structure;
  /** What the removal comes to. */
  removal: Removal;
  /** The folder is one of ONNX Runtime GenAI. */
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
  float16(model, _, { structure, removal, genai }) {
    const now = (name: string): string => removal.names.get(name) ?? name;
    const states = structure.blocks.flatMap((block) => block.states.map(({ input }) => now(input)));
    return toFloat16(model, { tokens: structure.tokenInput, states: new Set(states) }, genai);
  },
};

/**
 * The model that an export writes: the source's after all steps. @throws EspalierError as `Apply`
 */
export function exportedModel(
  { structure, root }: { structure: Structure; root: Pick<ModelRoot, 'folder'> },
  removal: Removal,
  steps: readonly StepChoice[],
): Model {
  const genai = isGenai(root);
  const context = { structure, removal, genai };
  const apply = (model: Model, choice: StepChoice): Model =>
    (APPLY[choice.step] as Apply<StepId>)(model, choice, context);
  return steps.reduce(apply, structure.model);
}
