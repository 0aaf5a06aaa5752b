// Positions along an axis, taken out of bytes in memory and read piece by piece.

import { expect, it } from 'vitest';
import type { ByteSource } from '../source.ts';
import { takenBytes, takenLength, takenSource } from './taken.ts';

const memory = (bytes: Uint8Array): ByteSource => ({
  size: bytes.length,
  read: async (offset, length) => bytes.slice(offset, offset + length),
});

const KEPT = [0, 1, 4, 6];

/** Values of so many bits, one after the other in rows that begin with a byte. */
function packed(rows: number[][], bits: number): Uint8Array<ArrayBuffer> {
  const bytes = rows.map((row) => {
    const out = new Uint8Array(Math.ceil((row.length * bits) / 8));
    for (const [k, value] of row.entries()) out[(k * bits) >> 3]! |= value << ((k * bits) & 7);
    return [...out];
  });
  return Uint8Array.from(bytes.flat());
}

// Rows of a matrix; columns of one; blocks of integers; zero points of half a byte.
it.each([
  { outer: 1, positions: 7, bits: 24 },
  { outer: 3, positions: 7, bits: 32 },
  { outer: 5, positions: 7, bits: 8 },
  { outer: 3, positions: 7, bits: 4 },
])('%o', async (form) => {
  const { outer, positions, bits } = form;
  const bytes = bits < 8 ? 1 : bits / 8;
  const rows = Array.from({ length: outer }, (_, row) =>
    Array.from(
      { length: positions * bytes },
      (_, k) => (row * 31 + k * 7 + 1) % (bits < 8 ? 16 : 256),
    ),
  );
  const right = rows.map((row) =>
    KEPT.flatMap((position) => row.slice(position * bytes, (position + 1) * bytes)),
  );
  const [source, wanted] = [rows, right].map((all) => packed(all, Math.min(bits, 8)));
  expect(takenBytes(source!, form, KEPT)).toEqual(wanted);
  const indices = new Uint8Array(Int32Array.from(KEPT).buffer);
  expect(takenLength([source!.length, indices.length], form)).toBe(wanted!.length);
  const read = takenSource([memory(source!), memory(indices)], form, 'w');
  for (const [from, to] of [
    [0, wanted!.length],
    [1, 2],
    [2, wanted!.length - 1],
  ] as const)
    expect(await read.read(from, to - from)).toEqual(wanted!.slice(from, to));
});
