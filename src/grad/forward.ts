// The forward graph of a bound program for one run shape, as differentiation takes it: sizes and
// other known values folded, fused operators decomposed, quantised matrices as floats.

import type { BoundProgram } from '../model/programs/program.ts';
import { programModel } from '../model/programs/programModel.ts';
import { DataType, type Model, type Node, type Tensor } from '../onnx/graph.ts';
import { Builder } from './build/builder.ts';
import { canRaise, RAISED_OPSET, raised } from './build/raise.ts';
import { decompose } from './decompose/decompose.ts';
import {
  dequantised,
  dequantisesOnDevice,
  expertsInFloats,
  type WeightRecipe,
} from './dequantise.ts';
import { chooseAllTokens } from './routedExperts.ts';
import { unknownForm } from './rules/rule.ts';
import { evaluateShapes } from './shapes/evaluate.ts';
import { fold } from './shapes/fold.ts';
import { inputValues, type RunShape } from './shapes/programInputs.ts';
import { constantValue, shaped, type Value } from './shapes/value.ts';
import { passStraightThrough } from './straightThrough.ts';
import { dependents } from './sweep.ts';

/** What is known of a run besides its shape. */
export interface RunValues {
  run: RunShape;
  /** Side values by name. */
  sides: ReadonlyMap<string, Value>;
  /** Width of the states between programs. */
  stateSize: number;
  /** Positions of a static cache; 0 without one. */
  past: number;
  /** Tensors of 4-bit integers can be fed; otherwise their floats are. */
  feedsNibbles: boolean;
}

export interface ForwardGraph {
  /** Its nodes are those of the forward graph, sorted. */
  b: Builder;
  /** Where operator sets, local functions and constants come from. */
  source: Model;
  initializers: ReadonlyMap<string, Tensor>;
  outputs: readonly string[];
  /** Inputs that the program has gained: weights in another form. */
  recipes: ReadonlyMap<string, WeightRecipe>;
  /** Stored matrix, by input, to the value that holds its floats. */
  floats: ReadonlyMap<string, string>;
  known(value: string): readonly number[] | null;
}

/**
 * @param through values whose dependents are differentiated: the residual stream, usually.
 * @param asked weights whose gradients are wanted; constants inside the program may be among them.
 * @throws EspalierError `unsupported-op` naming the operator that cannot be taken apart.
 */
export function forwardGraph(
  bound: BoundProgram,
  { run, sides, stateSize, past, feedsNibbles }: RunValues,
  through: readonly string[],
  asked: ReadonlySet<string>,
): ForwardGraph {
  const model = programModel(bound.program);
  chooseAllTokens(model);
  const floats = new Map(passStraightThrough(model).floats);
  const inputs = inputValues(bound, run, sides, stateSize, past);
  for (const [name, { type, dims }] of model.graph.initializers) {
    // A weight that is asked for is a variable, although it lies in the program.
    if (!asked.has(name)) continue;
    inputs.set(name, shaped(type, dims));
    model.graph.inputs.push({ name, type, dims });
  }
  const values = evaluateShapes(model, inputs);
  const folded = fold(model, values);
  const { nodes } = folded.graph;
  const written = folded.opsets.get('') ?? folded.opsets.get('ai.onnx') ?? 1;
  // DequantizeLinear takes blocks in newer operator sets only.
  const typeOf = (value: string): DataType => values.get(value)?.type ?? DataType.undefined;
  const onDevice = nodes.some((node) => dequantisesOnDevice(node, typeOf, feedsNibbles));
  const raises = onDevice && written < RAISED_OPSET && canRaise(nodes, written);
  const b = new Builder(values, { opset: raises ? RAISED_OPSET : written });
  const recipes = new Map<string, WeightRecipe>();
  const readings = new Map<string, string>();
  const names = new Map<string, string>();
  const known = (value: string): readonly number[] | null => {
    const constant = b.initializers.get(value);
    return (constant ? constantValue(constant) : values.get(value))?.data ?? null;
  };
  const leaves = [...through, ...asked].filter((name) => b.has(name));
  const path = dependents(b, nodes, leaves);
  for (const original of nodes) {
    if (ROUNDING.has(original.op) && original.inputs.some((x) => path.has(x)))
      throw unknownForm(original, 'where its integers are used like this');
    const weights = { asked, recipes, floats, readings, feedsNibbles };
    const same = renamed(original, names);
    const node = expertsInFloats(b, same, weights) ?? same;
    const product = dequantised(b, node, weights);
    const replacements =
      (product === null ? null : [product]) ??
      (original.inputs.some((x) => path.has(x)) ? decompose(b, node, known) : null);
    if (replacements !== null)
      for (const [k, name] of original.outputs.entries()) {
        const value = replacements[k];
        if (name !== '' && value !== undefined) names.set(name, value);
      }
    else
      b.adopt(
        raises ? raised(b, node) : node,
        node.outputs.map((name) => values.get(name) ?? null),
      );
  }
  return {
    b,
    source: folded,
    initializers: folded.graph.initializers,
    outputs: folded.graph.outputs.map(({ name }) => names.get(name) ?? name),
    recipes,
    floats,
    known,
  };
}

/** Their integers are no path for a gradient, which would be lost there without a word. */
const ROUNDING: ReadonlySet<string> = new Set(['QuantizeLinear', 'DynamicQuantizeLinear']);

function renamed(node: Node, names: ReadonlyMap<string, string>): Node {
  return { ...node, inputs: node.inputs.map((name) => names.get(name) ?? name) };
}
