// Healings with made-up values, for tests of what becomes of them.

import type { Unit } from '../../../units.ts';
import type { Healing, WeightChange } from '../healing.ts';

/** Values in (-size, size) that look random, the same for the same seed. */
export function noise(count: number, size: number, seed: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: count }, (_, k) => {
    const h = Math.imul(k + 1, 0x9e3779b1) ^ Math.imul(seed + 1, 0x85ebca6b);
    const mixed = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
    return (((mixed ^ (mixed >>> 13)) >>> 0) / 2 ** 31 - 1) * size;
  });
}

export const asBytes = (values: Float32Array<ArrayBuffer>): Uint8Array<ArrayBuffer> =>
  new Uint8Array(values.buffer);

/** A low-rank change of a matrix (inputs, outputs), of some columns. */
export function lowRank(
  tensor: string,
  block: number | null,
  { inputs, outputs, from = 0, rank = 2, size = 0.2, seed = 0 }: LowRankShape,
): Extract<WeightChange, { kind: 'low-rank' }> {
  return {
    tensor,
    block,
    kind: 'low-rank',
    rank,
    scale: 2,
    a: asBytes(noise(rank * inputs, size, seed + from + inputs)),
    b: asBytes(noise(outputs * rank, size, seed + from + outputs + 7)),
    columns: [from, from + outputs],
  };
}

interface LowRankShape {
  inputs: number;
  outputs: number;
  /** The first column that changes; `outputs` counts those that do. */
  from?: number;
  rank?: number;
  size?: number;
  seed?: number;
}

let made = 0;

/** A healing of these changes, with an id of its own. */
export function healingOf(removed: readonly Unit[], changes: readonly WeightChange[]): Healing {
  made += 1;
  const text = { name: 'none', sha256: '0'.repeat(64), tokens: 0 };
  return {
    id: made.toString(16).padStart(64, '0'),
    removed,
    changes,
    record: { removed, text, steps: [], measured: [] },
  };
}
