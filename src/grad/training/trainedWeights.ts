// Lets a program read weights that training changes from inputs of their own.

import { EspalierError } from '../../errors.ts';
import type {
  BoundProgram,
  InputSource,
  Program,
  WeightRef,
} from '../../model/programs/program.ts';
import { programModel } from '../../model/programs/programModel.ts';
import { dependencies } from '../../onnx/captures.ts';
import { DataType, type Model, type Node } from '../../onnx/graph.ts';
import { shortName } from '../../onnx/limits.ts';
import { renameNode } from '../../onnx/rename.ts';
import { soleInput } from '../bindable.ts';
import type { WeightRole } from '../roles.ts';
import { partsOf } from '../taps.ts';
import type { Parameter } from './parameters.ts';
import { inputOf, remade } from './remade.ts';

/** The input that takes the place of a weight. */
const trainedName = (weight: string): string => `trained/${weight}`;

/** A program at the place of another one that it was made of. */
export function rebound(program: Program, { weights, sides }: BoundProgram): BoundProgram {
  const read = new Set(program.inputs.map(({ name }) => name));
  const of = <T>(all: ReadonlyMap<string, T>): Map<string, T> =>
    new Map([...all].filter(([name]) => read.has(name)));
  return { program, weights: of(weights), sides: of(sides) };
}

interface Place {
  block: number | 'head';
  /** Largest piece of a gradient, in bytes. */
  limit: number;
  /** As `withTrainedWeights`: the kind of that input. */
  through: InputSource['kind'] | null;
  id: string;
}

/**
 * The program with these weights as parameters.
 * @throws EspalierError `unsupported-op` naming a weight that is not stored as floats
 */
export function trainWeights(
  original: BoundProgram,
  roles: readonly WeightRole[],
  { block, limit, through, id }: Place,
): { bound: BoundProgram; parameters: Parameter[] } {
  if (roles.length === 0) return { bound: original, parameters: [] };
  const model = programModel(original.program);
  const parameters = roles.map(({ weight, name }): Parameter => {
    const ref = original.weights.get(weight) ?? inside(model, weight, name);
    if (ref?.type !== 'float32') throw integers(name, block, ref?.type ?? 'integers');
    const { dims } = ref;
    const input = trainedName(weight);
    return {
      ...{ name: `${block}/${input}`, block, input, role: 'weight', dims, tensor: name, slot: 0 },
      ...{ columns: [0, 0], weight: ref, parts: partsOf(input, dims, limit) },
    };
  });
  const weights = new Map(roles.map(({ weight }, k) => [weight, parameters[k]?.dims ?? []]));
  const state = through && soleInput(original.program, through);
  const key = roles.map(({ weight }) => weight).join();
  const program = withTrainedWeights(original.program, model, weights, state, `${id}-${key}`);
  return { bound: rebound(program, original), parameters };
}

/** A constant inside the program as a weight. */
function inside(model: Model, value: string, name: string): WeightRef | null {
  const tensor = model.graph.initializers.get(value);
  if (tensor?.type !== DataType.float) return null;
  const { dims, data } = tensor;
  return { name, type: 'float32', dims, byteLength: data.length, data };
}

function integers(name: string, block: number | 'head', type: string): EspalierError {
  const where = block === 'head' ? 'the head' : `block ${block}`;
  return new EspalierError(
    'unsupported-op',
    `The weight ${shortName(name)} of ${where} is stored as ${type}, so it cannot be trained ` +
      'itself.',
    'Train adapters instead (LoRA): the weights keep their form under them.',
  );
}

/**
 * The program with inputs in place of some of its weights, or of constants inside it.
 * @param weights input or constant to its dims.
 * @param through where a program runs a head twice: only what depends on this hidden state reads
 *   the inputs, the rest keeps the weights. Null = everything reads them.
 */
function withTrainedWeights(
  program: Program,
  model: Model,
  weights: ReadonlyMap<string, readonly number[]>,
  through: string | null,
  id: string,
): Program {
  const { graph } = model;
  const names = new Map([...weights.keys()].map((weight) => [weight, trainedName(weight)]));
  const reached = through === null ? null : dependentsOf(graph.nodes, [through]);
  const states = new Set(
    program.inputs
      .filter(({ source }) => source.kind === 'residual' || source.kind === 'other-residual')
      .map(({ name }) => name),
  );
  const moving = dependentsOf(graph.nodes, [...states]);
  graph.nodes = graph.nodes.flatMap((node): Node[] => {
    if (!dependencies(node).some((x) => names.has(x))) return [node];
    const moves = node.outputs.some((y) => moving.has(y));
    if (moves) {
      const reads = reached === null || node.outputs.some((y) => reached.has(y));
      return [reads ? renameNode(node, names) : node];
    }
    // Computed from weights alone: a second time, from the inputs.
    for (const y of node.outputs) if (y !== '') names.set(y, trainedName(y));
    return [node, renameNode(node, names)];
  });
  const added = [...weights].map(([weight, dims]) => {
    const name = trainedName(weight);
    return inputOf(name, { kind: 'parameter', parameter: name, dims });
  });
  return remade(program, model, added, id);
}

function dependentsOf(nodes: readonly Node[], from: readonly string[]): Set<string> {
  const found = new Set(from);
  for (const node of nodes)
    if (dependencies(node).some((x) => found.has(x)))
      for (const y of node.outputs) if (y !== '') found.add(y);
  return found;
}
