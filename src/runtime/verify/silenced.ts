// The whole graph of the source with what a plan removes multiplied by zero: another way to the
// numbers of the export, which takes nothing out of a graph.

import { isCancelled, toReport } from '../../errors.ts';
import { exportedModel } from '../../model/export/apply.ts';
import { healingOf, quantisationOf, type StepChoice, widthOf } from '../../model/export/steps.ts';
import { healedGraph } from '../../model/healing/healedGraph.ts';
import { blockOfValues } from '../../model/healing/healedStructure.ts';
import { changesByWeight } from '../../model/healing/storedWeights.ts';
import type { OpenedModel } from '../../model/open/open.ts';
import { isGenai, withinTop } from '../../model/open/root.ts';
import { formOf } from '../../model/quantise/forms.ts';
import { quantisableMatrices } from '../../model/quantise/matrices.ts';
import { planRemoval } from '../../model/structure/removal.ts';
import type { Structure } from '../../model/structure/structure.ts';
import { DataType, type Graph, type Node, type Tensor } from '../../onnx/graph.ts';
import { sortedNodes } from '../../onnx/sort.ts';
import { trimGraph } from '../../onnx/trim.ts';
import { elementTypes } from '../../onnx/types.ts';
import type { Unit } from '../../units.ts';
import { GraphRunner, type Logits } from '../decode/likelihood.ts';
import type { Engine } from '../device/engine.ts';
import { failed, type Outcome, passed, unverified } from './outcome.ts';
import { droppedSteps } from './residual.ts';
import { readStream, type StreamStep } from './stream.ts';
import { precisionOf, TOLERANCES } from './tolerances.ts';

/** A zero of each element type that a residual stream has. */
const ZEROS: ReadonlyMap<number, Uint8Array> = new Map([
  [DataType.float, new Uint8Array(4)],
  [DataType.float16, new Uint8Array(2)],
]);

/**
 * The source with every term that the plan removes multiplied by zero, and factors on the stream
 * within removed blocks raised to zero; null where its residual stream cannot be followed, or where
 * it is a merged decoder. Weights are those of a healing among the steps, in the few bits of a
 * quantisation. Null for a width plan: its likelihood is expected of programs that silence it.
 */
export function silencedSource(
  source: OpenedModel,
  removed: readonly Unit[],
  steps: readonly StepChoice[] = [],
): OpenedModel | null {
  const { structure, whole } = source;
  if (whole.merged || widthOf(steps)) return null;
  const graph = quantisationOf(steps)
    ? quantised(source, steps)
    : healed(whole.model.graph, structure, steps);
  const reading = readStream(graph, structure.tokenInput, structure.embedsInput);
  const { units } = planRemoval(structure, removed);
  const dropped = droppedSteps({ ...structure, model: { ...whole.model, graph } }, reading, units);
  if (typeof dropped === 'string') return null;
  const types = elementTypes(graph);
  const initializers = new Map(graph.initializers);
  const made = new Map<string, Node>();
  const edits = new Map<Node, Map<string, string>>();
  for (const { op, outputs, origin } of reading.nodes) {
    const value = reading.values.get(outputs[0] ?? '');
    if (!value || !dropped.has(value) || !/^(Add|Mul|Div)$/.test(op)) continue;
    const { step } = value;
    if (step.kind === 'start') continue;
    const operand = operandOf(step);
    const zero = zeroOf(types.get(operand) ?? 0, initializers);
    if (zero === null) return null;
    const silenced = `${operand}/silenced`;
    made.set(silenced, {
      name: silenced,
      op: step.kind === 'scale' ? 'Pow' : 'Mul',
      domain: '',
      inputs: [operand, zero],
      outputs: [silenced],
      attributes: new Map(),
    });
    edits.set(origin, (edits.get(origin) ?? new Map()).set(operand, silenced));
  }
  const nodes = graph.nodes.map((node) => {
    const edit = edits.get(node);
    return edit ? { ...node, inputs: node.inputs.map((x) => edit.get(x) ?? x) } : node;
  });
  const edited: Graph = { ...graph, initializers, nodes: [...made.values(), ...nodes] };
  const model = { ...whole.model, graph: { ...edited, nodes: sortedNodes(edited) } };
  return { ...source, whole: { ...whole, model, path: null } };
}

/** The graph with the weights that a healing among the steps gives it. */
function healed(graph: Graph, structure: Structure, steps: readonly StepChoice[]): Graph {
  const choice = healingOf(steps);
  if (!choice) return graph;
  const changes = changesByWeight(choice.healing.changes);
  const found = healedGraph(graph, blockOfValues(structure), changes, choice.quantised);
  return trimGraph(found.graph);
}

/**
 * The graph with all of its blocks in few bits. What was computed for the plan has nothing for the
 * matrices that it removes: they stay floats, since they are multiplied by zero.
 */
function quantised(
  { structure, root, graphPath }: OpenedModel,
  steps: readonly StepChoice[],
): Graph {
  const kept = steps.flatMap((choice): StepChoice[] => {
    // Scales are rounded to float16 with the activations, and the integers follow the scales.
    if (choice.step === 'healing' || choice.step === 'float16') return [choice];
    if (choice.step !== 'quantise') return [];
    const { quantisation } = choice;
    const { computed, settings, forms } = quantisation;
    const known = new Set(computed.map(({ tensor }) => tensor));
    const missing = quantisableMatrices(structure).filter(
      (one) =>
        settings.method === 'gptq' &&
        one.kind === 'block' &&
        formOf(one, quantisation) === 4 &&
        !known.has(one.tensor),
    );
    const floats = Object.fromEntries(missing.map(({ tensor }) => [tensor, 'float' as const]));
    return [{ ...choice, quantisation: { ...quantisation, forms: { ...forms, ...floats } } }];
  });
  const place = { structure, genai: isGenai(root, withinTop(root, graphPath)) };
  return exportedModel(place, planRemoval(structure, []), kept).graph;
}

function operandOf(step: Exclude<StreamStep, { kind: 'start' }>): string {
  switch (step.kind) {
    case 'add':
      return step.term;
    case 'bias':
      return step.value;
    case 'scale':
      return step.by;
  }
}

/** The name of a zero of that type, or null where there is none. */
function zeroOf(type: number, initializers: Map<string, Tensor>): string | null {
  const data = ZEROS.get(type);
  if (!data) return null;
  const name = `espalier/zero/${type}`;
  initializers.set(name, { name, type, dims: [], data });
  return name;
}

/**
 * Logits of the written graph against those of the silenced source. A source that cannot be run
 * says nothing: that passes, with the reason.
 * @param window token ids
 * @throws EspalierError `cancelled`; of the written graph alone
 */
export async function compareSilenced(
  written: GraphRunner,
  exported: OpenedModel,
  silenced: OpenedModel,
  window: readonly number[],
  engine: Engine,
  signal: AbortSignal | undefined,
): Promise<Outcome> {
  const found = await written.logits(window);
  let expected: Logits;
  let runner: GraphRunner | null = null;
  try {
    runner = await GraphRunner.open(silenced, engine, { signal, standIns: true });
    expected = await runner.logits(window);
  } catch (error) {
    if (isCancelled(error)) throw error;
    return passed(`not compared: ${toReport(error).message}`);
  } finally {
    await runner?.dispose();
  }
  if (found.data.length !== expected.data.length)
    return failed(`${found.data.length} logits instead of ${expected.data.length}`);
  // NaN of what was removed is still NaN where it is silenced, and says nothing of the rest.
  if (expected.data.some(Number.isNaN))
    return found.data.some(Number.isNaN)
      ? unverified('the source gives NaN: nothing to compare')
      : passed('not compared: the source gives NaN');
  let scale = 1;
  let worst = 0;
  for (const [k, value] of expected.data.entries()) {
    if (Number.isFinite(value)) scale = Math.max(scale, Math.abs(value));
    if (found.data[k] === value) continue;
    const difference = Math.abs(value - (found.data[k] ?? Number.NaN));
    worst = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(worst, difference);
  }
  const precision = precisionOf(exported);
  const limit = TOLERANCES[precision].logits;
  const detail =
    `logits of ${window.length} tokens differ by ${(worst / scale).toExponential(1)} of their ` +
    `size from those of the source with what was removed multiplied by zero (limit ${limit}; ` +
    `${precision})`;
  const inputs = written.loaded.io.tokens.filter(({ role }) => role === 'stand-in');
  const fed =
    inputs.length > 0
      ? `; both fed with the same arbitrary numbers for ${inputs.map(({ name }) => name).join(', ')}`
      : '';
  return { ok: worst / scale <= limit, detail: detail + fed };
}
