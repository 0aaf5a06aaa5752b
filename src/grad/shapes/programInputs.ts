// What is known of the inputs of a bound program before it runs.

import { EspalierError } from '../../errors.ts';
import {
  type BoundProgram,
  type ElementType,
  type ProgramInput,
  positionDims,
  type ScorePrograms,
} from '../../model/programs/program.ts';
import { programModel } from '../../model/programs/programModel.ts';
import { DataType, elementCount } from '../../onnx/graph.ts';
import { evaluateShapes } from './evaluate.ts';
import { CONTENT_LIMIT, holding, shaped, type Value } from './value.ts';

/** A run of `rows` windows of `length` tokens. */
export interface RunShape {
  readonly rows: number;
  readonly length: number;
}

const TYPES: Readonly<Record<ElementType, DataType>> = {
  ...DataType,
  float32: DataType.float,
  float64: DataType.double,
};

/**
 * The inputs of a bound program for a run: contents of masks, positions and constants are known,
 * those of tokens, states and weights are not.
 * @param sides side values by name, as `sideValues` gives them.
 * @param stateSize width of the states between programs.
 * @param past positions of a static cache: the length of the run for programs with `staticPast`.
 */
export function inputValues(
  bound: BoundProgram,
  run: RunShape,
  sides: ReadonlyMap<string, Value>,
  stateSize: number,
  past = 0,
): Map<string, Value> {
  return new Map(
    bound.program.inputs.map((input): [string, Value] => [
      input.name,
      inputValue(input, bound, run, sides, stateSize, past),
    ]),
  );
}

function inputValue(
  { name, type: elementType, source }: ProgramInput,
  bound: BoundProgram,
  { rows, length }: RunShape,
  sides: ReadonlyMap<string, Value>,
  stateSize: number,
  past: number,
): Value {
  const type = TYPES[elementType];
  switch (source.kind) {
    case 'ids':
      return shaped(type, [rows, length]);
    case 'targets':
      return shaped(type, [rows, length - 1]);
    case 'attention-mask':
      return full(type, [rows, length], () => 1);
    case 'positions':
      return full(type, positionDims(source.form, rows, length), (at) => at % length);
    case 'constant':
      return full(type, source.dims, () => source.value);
    case 'past': {
      const size = { batch: rows, sequence: length, past };
      const dims = source.dims.map((dim) => (typeof dim === 'number' ? dim : size[dim]));
      return full(type, dims, () => 0);
    }
    case 'residual':
    case 'other-residual':
    case 'gradient':
      return shaped(type, [rows, length, stateSize]);
    case 'weight-gradient':
    case 'parameter':
      return shaped(type, source.dims);
    case 'loss-weights':
      return shaped(type, [rows, length - 1]);
    case 'dropout-mask':
      return shaped(type, [rows, length, source.width]);
    case 'gather':
      throw new EspalierError('bug', `${bound.program.id} is packed, which has no gradient.`);
    case 'side': {
      const side = sides.get(bound.sides.get(name) ?? '');
      if (side) return side;
      throw new EspalierError('bug', `Nothing is known of the side value of "${name}".`);
    }
    case 'weight': {
      const weight = bound.weights.get(name);
      if (weight) return shaped(type, weight.dims);
      throw new EspalierError('bug', `No weight is bound to "${name}".`);
    }
  }
}

function full(type: DataType, dims: readonly number[], at: (k: number) => number): Value {
  const length = elementCount(dims);
  if (length > CONTENT_LIMIT) return shaped(type, dims);
  return holding(
    type,
    dims,
    Array.from({ length }, (_, k) => at(k)),
  );
}

/**
 * The side values of a run by name, from the side programs themselves.
 * @throws EspalierError `unsupported-op` as `evaluateShapes`
 */
export function sideValues(
  { side, tokenSide, stateSize }: ScorePrograms,
  run: RunShape,
): Map<string, Value> {
  const sides = new Map<string, Value>();
  for (const bound of [side, tokenSide]) {
    if (!bound) continue;
    const inputs = inputValues(bound, run, sides, stateSize);
    const values = evaluateShapes(programModel(bound.program), inputs);
    for (const { name, target } of bound.program.outputs) {
      const value = values.get(name);
      if (target.kind === 'side' && value) sides.set(target.value, value);
    }
  }
  return sides;
}
