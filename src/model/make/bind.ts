// Tensors of the files as initializers of the graph, and changed values of initializers as tensors
// of the files.

import { EspalierError } from '../../errors.ts';
import { derive } from '../../onnx/bytes.ts';
import type { Bytes } from '../../onnx/source.ts';
import { integerBits } from '../../onnx/transforms/stored/convert.ts';
import { storedAsFloats } from '../../onnx/transforms/stored/derived.ts';
import { storedType, storedTypeNames } from '../../onnx/transforms/stored/types.ts';
import type { StoredChange } from '../export/tensorFiles/types.ts';
import type { Binding, NamedTensor, ValueStep } from './weights.ts';

/** Values in float32, rows first. */
export interface BoundFloats {
  data: Bytes;
  dims: number[];
}

/** A matrix (rows, columns) = (N, K) as a MatMulNBits takes it, without zero points. */
export interface BoundBlocks {
  bits: 4 | 8;
  /** Columns that share a scale. */
  block: number;
  rows: number;
  columns: number;
  /** uint8 (rows, columns / block, block x bits / 8). */
  weights: Bytes;
  /** float32 (rows, columns / block). */
  scales: Bytes;
}

/**
 * A tensor in float32 after `undo` and `steps`. Nothing is read before the bytes are.
 * @throws EspalierError `unsupported-graph` naming a type that cannot be read, `corrupt-file` for a
 *   shape that the steps do not fit
 */
export function boundFloats(tensor: NamedTensor, steps: readonly ValueStep[] = []): BoundFloats {
  const { stored } = tensor;
  requireType(tensor);
  const { moves, sum } = planOf([...tensor.undo, ...steps]);
  let [type, data, dims]: [string, Bytes, readonly number[]] = [
    stored.type,
    stored.data,
    stored.shape,
  ];
  for (const move of moves) {
    data = moved(tensor.name, data, dims, move, type);
    if (move.step === 'transpose') type = 'F32';
    dims = movedDims(tensor.name, dims, move);
  }
  data = storedAsFloats(data, type, tensor.name);
  if (sum !== 0) data = derive('added', [data], tensor.name, { value: sum });
  return { data, dims: [...dims] };
}

/**
 * A matrix in blocks of integers exactly as the file has it, after `undo` and `steps`; null for a
 * type that has no such form, and for steps that change more than the order of rows.
 */
export function boundBlocks(
  tensor: NamedTensor,
  steps: readonly ValueStep[] = [],
): BoundBlocks | null {
  const { name, stored } = tensor;
  const [rows = 0, columns = 0] = stored.shape;
  const bits = integerBits(stored.type);
  const { moves, sum } = planOf([...tensor.undo, ...steps]);
  const turns = moves.some(({ step }) => step === 'transpose');
  if (bits === null || sum !== 0 || turns || stored.shape.length !== 2) return null;
  let data: Bytes = stored.data;
  for (const move of moves) {
    movedDims(name, stored.shape, move);
    data = moved(name, data, stored.shape, move, stored.type);
  }
  const part = (part: 'integers' | 'scales'): Bytes =>
    derive('stored-to-blockwise', [data], name, { type: stored.type, part });
  return { bits, block: 32, rows, columns, weights: part('integers'), scales: part('scales') };
}

/**
 * What to write for changed values of an initializer: the inverse of what it was bound with, in the
 * type of the file; of a tensor in blocks of GGML, which few engines make well, in Q8_0.
 * @param values float32 in the dims of the initializer; of `blocks` (rows, columns) of its matrix
 * @throws EspalierError as `boundFloats`; reading the bytes throws `bad-input` for a value that the
 *   type cannot hold
 */
export function storedValues({ tensor, steps }: Binding, values: Bytes): StoredChange {
  const { name, stored } = tensor;
  requireType(tensor);
  const { moves, sum } = planOf([...tensor.undo, ...steps]);
  const shapes = [stored.shape];
  for (const move of moves) shapes.push(movedDims(name, shapes.at(-1)!, move));
  let data = sum === 0 ? values : derive('added', [values], name, { value: -sum });
  for (const [k, move] of [...moves.entries()].reverse())
    data = moved(name, data, shapes[k + 1]!, inverse(move), 'F32');
  return written(name, data, stored.type);
}

function requireType({ stored: { name, type, data } }: NamedTensor): void {
  if (storedType(type)) return;
  const isGguf = /\.gguf$/i.test(data.file);
  const known = isGguf ? storedTypeNames() : ['F32', 'F16', 'BF16'];
  throw new EspalierError(
    'unsupported-graph',
    `The tensor ${name} is of the type ${type}, which cannot be read; ${known.join(', ')} can.`,
    isGguf
      ? 'Take the model in one of these types, such as Q8_0 or Q4_K_M.'
      : 'Take the checkpoint in one of these types, as it was before it was quantised.',
  );
}

type Move = Exclude<ValueStep, { step: 'add' }>;

/** What moves values, without moves that undo each other, and the sum of what is added to them. */
function planOf(steps: readonly ValueStep[]): { moves: Move[]; sum: number } {
  const moves: Move[] = [];
  let sum = 0;
  for (const step of steps) {
    if (step.step === 'add') sum += step.value;
    else if (moves.length > 0 && isInverse(moves.at(-1)!, step)) moves.pop();
    else moves.push(step);
  }
  return { moves, sum };
}

function isInverse(one: Move, other: Move): boolean {
  if (one.step === 'transpose' || other.step === 'transpose') return one.step === other.step;
  const { order, heads, back } = one;
  return order === other.order && heads === other.heads && back !== other.back;
}

function inverse(move: Move): Move {
  if (move.step === 'transpose') return move;
  const { back, ...rest } = move;
  return back ? rest : { ...rest, back: true };
}

function moved(
  name: string,
  data: Bytes,
  dims: readonly number[],
  move: Move,
  type: string,
): Bytes {
  const [rows = 0, columns = 0] = dims;
  if (move.step === 'rows') {
    const { order, heads, back = false } = move;
    return derive('rows-reordered', [data], name, { rows, heads, order, back });
  }
  const plain = type === 'F32' ? {} : { type };
  return derive('transposed', [data], name, { rows, columns, ...plain });
}

function movedDims(name: string, dims: readonly number[], move: Move): readonly number[] {
  const [rows = 0, columns = 0] = dims;
  if (move.step === 'rows') {
    if (rows % (move.heads * (move.order === 'parts' ? 3 : 2)) === 0) return dims;
  } else if (dims.length === 2) return [columns, rows];
  throw new EspalierError(
    'corrupt-file',
    `The tensor ${name} of the shape ${dims.join(' x ')} does not fit the model that it is in.`,
    'Get the files of the model again, all from one place.',
  );
}

/** float32 in a type of the file; of types that are only read, in the nearest that is written. */
function written(name: string, values: Bytes, type: string): StoredChange {
  switch (type) {
    case 'F32':
      return { type, data: values };
    case 'F16':
      return { type, data: derive('float32-to-float16', [values], name) };
    case 'BF16':
      return { type, data: derive('float32-to-bfloat16', [values], name) };
    default:
      return { type: 'Q8_0', data: derive('float32-to-q8_0', [values], name) };
  }
}
