// What tests of derived bytes share: values to derive from, and the same bytes from any place.

import fc from 'fast-check';
import { expect } from 'vitest';
import { BytesReader } from '../bytes.ts';
import { narrowed } from '../half.ts';
import type { ByteSource, Bytes } from '../source.ts';
import { memoryFolder } from './text.ts';

export const bytesOf = (values: readonly number[] | Float32Array): Uint8Array<ArrayBuffer> =>
  new Uint8Array(Float32Array.from(values).buffer);

export const floats = (count: number, seed: number): Float32Array =>
  Float32Array.from({ length: count }, (_, k) => Math.sin(k * 1.7 + seed) * 2 ** ((k % 7) - 3));

export const all = async (data: Bytes): Promise<Uint8Array> =>
  new BytesReader(memoryFolder({})).open(data).read(0, data.length);

/** `toEqual` of long arrays takes seconds. */
export function expectSameBytes(found: Uint8Array, wanted: Uint8Array): void {
  expect(found.length).toBe(wanted.length);
  const at = found.findIndex((byte, k) => byte !== wanted[k]);
  expect(at, `byte ${at} is ${found[at]}, not ${wanted[at]}`).toBe(-1);
}

/** Stretches of the result in any order are those of the whole. */
export async function sameFromAnyPlace(data: Bytes): Promise<void> {
  const reader = new BytesReader(memoryFolder({}));
  await sameStretches(await all(data), reader.open(data));
}

export async function sameStretches(whole: Uint8Array, source: ByteSource): Promise<void> {
  const stretch = fc.tuple(fc.nat(whole.length), fc.nat(whole.length));
  await fc.assert(
    fc.asyncProperty(fc.array(stretch, { minLength: 1, maxLength: 3 }), async (stretches) => {
      const read = stretches.map(async ([a, b]) => {
        const [from, to] = [Math.min(a, b), Math.max(a, b)];
        expectSameBytes(await source.read(from, to - from), whole.slice(from, to));
      });
      await Promise.all(read);
    }),
    { numRuns: 20 },
  );
}

/** A source in memory that counts the bytes read of it. */
export function counted(bytes: Uint8Array<ArrayBuffer>): ByteSource & { bytes: number } {
  return {
    size: bytes.length,
    bytes: 0,
    async read(offset, length) {
      this.bytes += length;
      return bytes.slice(offset, offset + length);
    },
  };
}

/**
 * Values (K, N) of a hash of their index, as tools/make_blockwise.py makes them; in float16 where
 * the name ends in 16.
 */
export function hardValues(kind: string, k: number, n: number): Uint8Array<ArrayBuffer> {
  const bits = new Uint32Array(k * n);
  const values = new Float32Array(bits.buffer);
  const halves = new Uint16Array(k * n);
  for (let index = 0; index < k * n; index++) {
    let h = Math.imul(index, 2654435761);
    h = Math.imul(h ^ (h >>> 16), 0x45d9f3b);
    h = (h ^ (h >>> 16)) >>> 0;
    const unit = h / 2 ** 32 - 0.5;
    if (kind === 'denormal') bits[index] = (h & 0x80000000) | ((h & 0x7fffff) >> (index % 23));
    else if (kind === 'denormal16') halves[index] = h & 0x83ff;
    else if (kind === 'ties') values[index] = ((h % 31) - 15) / 2;
    else if (kind === 'huge') values[index] = unit * 3e38;
    else if (kind === 'zeros') values[index] = h & 1 ? -0 : 0;
    else if (kind === 'constant') values[index] = (index % n) % 2 ? -1.3 : 0.7;
    else values[index] = unit * 2 ** ((h & 7) - 4);
  }
  if (kind === 'denormal16') return new Uint8Array(halves.buffer);
  const bytes = new Uint8Array(values.buffer);
  return kind.endsWith('16') ? narrowed(bytes, (value) => value) : bytes;
}

/** Values (K, N) of `size` bytes each as (N, K). */
export function turned(
  bytes: Uint8Array,
  k: number,
  n: number,
  size: number,
): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(bytes.length);
  for (let row = 0; row < k; row++)
    for (let column = 0; column < n; column++) {
      const from = (row * n + column) * size;
      out.set(bytes.subarray(from, from + size), (column * k + row) * size);
    }
  return out;
}
