// Scales and zero points of quantised matrices as they are stored, float32 or float16, and what
// cannot be stored.

import { EspalierError } from '../../errors.ts';
import { DataType } from '../graph.ts';
import { fromHalf, narrowed } from '../half.ts';
import { floatsOf } from './rows.ts';

/** Little-endian float32 or float16 as numbers. */
export function storedNumbers(bytes: Uint8Array, type: DataType): Float32Array {
  if (type === DataType.float) return floatsOf(bytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float32Array.from({ length: bytes.byteLength / 2 }, (_, k) =>
    fromHalf(view.getUint16(k * 2, true)),
  );
}

/**
 * Numbers as float32 or float16. @throws EspalierError `bad-input` for one that float16 has no
 * number for
 */
export function numbersStored(values: Float32Array, type: DataType, label: string): Uint8Array {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  if (type !== DataType.float16) return bytes;
  return narrowed(bytes, (value) => {
    throw new EspalierError(
      'bad-input',
      `The matrix ${label} needs the scale ${value} in its 4-bit or 8-bit form, which float16 ` +
        'cannot hold.',
      'Keep the changed matrices in float.',
    );
  });
}

/** Of a matrix that is to be quantised. */
export function notFinite(label: string, value: number): EspalierError {
  return new EspalierError(
    'bad-input',
    `The matrix ${label} holds ${value}: only finite weights can be quantised.`,
    'Heal the plan again with a lower learning rate.',
  );
}
