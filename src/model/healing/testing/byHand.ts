// Healings made of arithmetic instead of training, and what they make of a matrix, computed apart
// from the transforms.

import type { Unit } from '../../../units.ts';
import type { Healing, WeightChange } from '../healing.ts';

/** One matrix, as a linear product reads it, and where it lies. */
export interface Target {
  tensor: string;
  block: number | null;
  inputs: number;
  outputs: number;
  /** Of the values in `WeightChange`: that of the stored tensor, (N, K) for a MatMulNBits. */
  order: 'in-out' | 'out-in';
}

const wave = (count: number, seed: number, size: number): Float32Array<ArrayBuffer> =>
  Float32Array.from({ length: count }, (_, k) => size * Math.sin(k * 12.9898 + seed * 78.233));

const bytesOf = (values: Float32Array<ArrayBuffer>): Uint8Array<ArrayBuffer> =>
  new Uint8Array(values.buffer);

/** A low-rank matrix for the columns of the product from..to. */
export function lowRank(
  { tensor, block, inputs, outputs }: Target,
  seed: number,
  columns: readonly [number, number] = [0, outputs],
): WeightChange {
  const [rank, scale] = [2, 0.5];
  const count = columns[1] - columns[0];
  const a = bytesOf(wave(rank * inputs, seed, 0.3));
  const b = bytesOf(wave(count * rank, seed + 1, 0.3));
  return { tensor, block, kind: 'low-rank', rank, scale, a, b, columns };
}

/** Other values altogether. */
export function replaced({ tensor, block, inputs, outputs }: Target, seed: number): WeightChange {
  const values = bytesOf(wave(inputs * outputs, seed, 0.15));
  return { tensor, block, kind: 'replaced', values };
}

/** The values (in the target's order) after the changes. */
export function applied(
  { inputs, outputs, order }: Target,
  before: Float32Array,
  changes: readonly WeightChange[],
): Float32Array<ArrayBuffer> {
  let values = Float32Array.from(before);
  const at = (input: number, output: number): number =>
    order === 'in-out' ? input * outputs + output : output * inputs + input;
  for (const change of changes) {
    if (change.kind === 'replaced') {
      values = new Float32Array(change.values.slice().buffer);
      continue;
    }
    const [a, b] = [change.a, change.b].map((bytes) => new Float32Array(bytes.slice().buffer));
    const [from, to] = change.columns;
    for (let input = 0; input < inputs; input++)
      for (let output = from; output < to; output++) {
        let sum = 0;
        for (let r = 0; r < change.rank; r++)
          sum += b![(output - from) * change.rank + r]! * a![r * inputs + input]!;
        values[at(input, output)]! += change.scale * sum;
      }
  }
  return values;
}

/** A healing with a record as any other. */
export function healingOf(
  removed: readonly Unit[],
  changes: readonly WeightChange[],
  id = 'synthetic',
): Healing {
  const blocks = [...new Set(changes.flatMap(({ block }) => block ?? []))].sort((a, b) => a - b);
  return {
    id,
    removed,
    changes,
    record: {
      removed,
      text: { name: 'a `text`.txt', sha256: 'ab12', tokens: 8192 },
      steps: [
        {
          method: 'refit',
          settings: { ridge: 1e-3, all: false, sampler: 'even' },
          losses: [],
          heldOut: [],
          kept: null,
          blocks: blocks.slice(0, 1),
          seconds: 2.25,
        },
        {
          method: 'lora',
          settings: { rank: 2, rate: 1e-3, seed: 7 },
          losses: [3.9, 3.7],
          heldOut: [
            { step: 0, loss: 3.95 },
            { step: 2, loss: 3.8 },
          ],
          kept: 2,
          blocks,
          seconds: 60.5,
        },
      ],
      measured: [
        {
          set: 'held-out',
          name: 'a `text`.txt',
          predicted: 1270,
          original: 3.72,
          pruned: 3.896,
          control: 3.6,
          healed: 3.78,
        },
      ],
      control: { kl: 0, rank: 2, rate: 1e-3, seed: 7 },
    },
  };
}
