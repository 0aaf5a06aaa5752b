// Scales and zero points of quantised matrices as they are stored, float32 or float16, and what
// cannot be stored.

import { EspalierError } from '../../errors.ts';
import { DataType } from '../graph.ts';
import { narrowed, nearestHalf, widened } from '../half.ts';
import { floatsOf } from './rows.ts';

/** Little-endian float32 or float16 as numbers. */
export function storedNumbers(bytes: Uint8Array, type: DataType): Float32Array {
  return floatsOf(type === DataType.float ? bytes : widened(bytes));
}

/**
 * Numbers as float32 or float16. @throws EspalierError `bad-input` for one that the type has no
 * number for
 */
export function numbersStored(values: Float32Array, type: DataType, label: string): Uint8Array {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  if (type !== DataType.float16) {
    for (const value of values) if (!Number.isFinite(value)) throw beyondType(label, value, type);
    return bytes;
  }
  return narrowed(bytes, (value) => {
    throw beyondType(label, value, type);
  });
}

/** A scale as it is read again. @throws EspalierError `bad-input` for one that cannot be stored */
export function asStored(scale: number, type: DataType, label: string): number {
  const stored = type === DataType.float16 ? nearestHalf(scale) : scale;
  if (Number.isFinite(stored)) return stored;
  throw beyondType(label, scale, type);
}

/** Of a scale or a zero point that its type has no number for. */
export function beyondType(label: string, value: number, type: DataType): EspalierError {
  return new EspalierError(
    'bad-input',
    `The matrix ${label} needs the scale or zero point ${value} in few bits, which ` +
      `${type === DataType.float16 ? 'float16' : 'float32'} cannot hold.`,
    type === DataType.float16
      ? 'Keep this matrix in float, or take activations of float32 (q4, q8), if the model has them.'
      : 'Keep this matrix in float.',
  );
}

/** Of a matrix that is to be quantised. */
export function notFinite(label: string, value: number): EspalierError {
  return new EspalierError(
    'bad-input',
    `The matrix ${label} holds ${value}: only finite weights can be quantised.`,
    'Export the model again; where a healing made this weight, heal with a lower learning rate.',
  );
}
