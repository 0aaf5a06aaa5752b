// Programs of this room as the runtime takes them, with the weights of one place in the model.

import { EspalierError } from '../errors.ts';
import type {
  BoundProgram,
  InputSource,
  Program,
  ProgramInput,
  WeightRef,
} from '../model/programs/program.ts';
import { encodeInline } from '../model/programs/programModel.ts';
import { elementBits, elementCount } from '../onnx/graph.ts';
import { countOperators } from '../onnx/operators.ts';
import type { KnownValue } from './build/builder.ts';
import { modelOf } from './build/model.ts';
import type { WeightRecipe } from './dequantise.ts';
import type { ForwardGraph } from './forward.ts';
import { scratchBytes } from './scratch.ts';
import type { Ports } from './taps.ts';

/** A program made out of another, whose weights and side values it is bound to. */
export interface BindableProgram {
  program: Program;
  /** Weights that it reads in another form than the other program. */
  recipes: ReadonlyMap<string, WeightRecipe>;
  /** Bytes of values that are alive at once in a run, inputs apart. */
  scratchBytes: number;
}

/** The input of a program with that source. @throws EspalierError `bug` without one */
export function soleInput({ id, inputs }: Program, kind: InputSource['kind']): string {
  const found = inputs.find(({ source }) => source.kind === kind);
  if (!found) throw new EspalierError('bug', `The program ${id} has no input of kind ${kind}.`);
  return found.name;
}

/**
 * What `ports` ask for, as a program: of the forward graph and what was appended to it only the
 * nodes that lead there.
 */
export function bindable(
  { b, source, initializers, recipes }: ForwardGraph,
  original: Program,
  ports: Ports,
  id: string,
): BindableProgram {
  const known: ProgramInput[] = [
    ...original.inputs,
    ...[...recipes].map(([name, { type }]): ProgramInput => {
      return { name, type, source: { kind: 'weight' } };
    }),
    ...ports.inputs,
  ];
  // An output must be a value of its own: not an input, and no other output.
  const taken = new Set(known.map(({ name }) => name));
  const outputs = ports.outputs.map((output) => {
    const name = taken.has(output.name) ? b.unary('Identity', output.name) : output.name;
    taken.add(name);
    return { ...output, name };
  });
  const model = modelOf(b, {
    name: id,
    inputs: known.map(({ name }) => name).filter((name) => !initializers.has(name)),
    outputs: outputs.map(({ name }) => name),
    initializers,
    source,
  });
  const read = new Set(model.graph.inputs.map(({ name }) => name));
  return {
    program: {
      id,
      bytes: encodeInline(model),
      inputs: known.filter(({ name }) => read.has(name)),
      outputs,
      ops: countOperators(model.graph),
    },
    recipes,
    scratchBytes: scratchBytes(model.graph, (value) => bytesOf(b.value(value))),
  };
}

function bytesOf({ type, dims }: KnownValue): number {
  return ((elementBits(type) ?? 32) / 8) * elementCount(dims);
}

/** The program at the place of `bound`. @throws EspalierError `bug` for a weight it cannot have */
export function bind({ program, recipes }: BindableProgram, bound: BoundProgram): BoundProgram {
  const weights = new Map<string, WeightRef>();
  const sides = new Map<string, string>();
  for (const { name, source } of program.inputs) {
    if (source.kind === 'side') sides.set(name, bound.sides.get(name) ?? '');
    if (source.kind !== 'weight') continue;
    const weight = recipes.get(name)?.make(bound.weights) ?? bound.weights.get(name);
    if (!weight) throw new EspalierError('bug', `${program.id} has no weight for "${name}".`);
    weights.set(name, weight);
  }
  return { program, weights, sides };
}
