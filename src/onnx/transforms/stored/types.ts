// Types in which files of named tensors store floats, by the names that the formats give them.

import { halfValues } from '../../half.ts';
import { BLOCKS_OF_32 } from './blockTypes.ts';
import { K_QUANTS } from './kQuants.ts';
import type { StoredType } from './storedType.ts';

const scratch = new Uint32Array(1);
const scratchFloat = new Float32Array(scratch.buffer);

const PLAIN: Readonly<Record<string, StoredType>> = {
  F32: {
    values: 1,
    bytes: 4,
    unit: 1,
    plain: 'float32',
    decode(bytes, row, first, count, out, to) {
      const from = bytes.byteOffset + row + 4 * first;
      if (from % 4 === 0) out.set(new Float32Array(bytes.buffer, from, count), to);
      else {
        const start = row + 4 * first;
        out.set(new Float32Array(bytes.slice(start, start + 4 * count).buffer), to);
      }
    },
  },
  F16: {
    values: 1,
    bytes: 2,
    unit: 1,
    plain: 'float16',
    decode(bytes, row, first, count, out, to) {
      const table = halfValues();
      for (let k = 0, at = row + 2 * first; k < count; k++, at += 2)
        out[to + k] = table[bytes[at]! | (bytes[at + 1]! << 8)]!;
    },
  },
  BF16: {
    values: 1,
    bytes: 2,
    unit: 1,
    plain: 'bfloat16',
    decode(bytes, row, first, count, out, to) {
      for (let k = 0, at = row + 2 * first; k < count; k++, at += 2) {
        scratch[0] = (bytes[at]! << 16) | (bytes[at + 1]! << 24);
        out[to + k] = scratchFloat[0]!;
      }
    },
  },
};

/** The types that can be read. */
const STORED_TYPES: Readonly<Record<string, StoredType>> = {
  ...PLAIN,
  ...BLOCKS_OF_32,
  ...K_QUANTS,
};

/** Names of the types that can be read. */
export const storedTypeNames = (): string[] => Object.keys(STORED_TYPES);

/** A type by its name, or null where it cannot be read. */
export function storedType(name: string): StoredType | null {
  return Object.hasOwn(STORED_TYPES, name) ? STORED_TYPES[name]! : null;
}
