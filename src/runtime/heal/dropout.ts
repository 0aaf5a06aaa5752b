// Masks of dropout: which inputs of an adapter a step leaves out. They depend on the seed, the
// step, the adapter and the sequence's place in the step, not on how sequences are divided into
// runs.

import { xoshiro128 } from '../../analysis/random.ts';
import type { BoundProgram, InputSource } from '../../model/programs/program.ts';
import type { HostTensor } from '../device/host.ts';
import type { Chunk } from '../weights/windows.ts';

type MaskSource = Extract<InputSource, { kind: 'dropout-mask' }>;

function maskSources({ program }: BoundProgram): MaskSource[] {
  return program.inputs
    .map(({ source }) => source)
    .filter((source) => source.kind === 'dropout-mask');
}

/** Values of all masks of a program for one token. */
export function maskWidth(bound: BoundProgram): number {
  return maskSources(bound).reduce((sum, { width }) => sum + width, 0);
}

export interface Dropout {
  /** Share of the inputs that are left out, 0 to below 1. */
  share: number;
  seed: number;
  /** From 0. */
  step: number;
}

/**
 * The masks that a program reads, (B, S, width) each: 1 / (1 - share) or 0.
 * @param place of the first sequence of the chunk in its step
 * @param block and the adapter's name in it tell masks of one step apart
 */
export function dropoutMasks(
  bound: BoundProgram,
  { rows, length }: Chunk,
  { share, seed, step }: Dropout,
  place: number,
  block: number,
): ReadonlyMap<string, HostTensor> {
  const limit = share * 2 ** 32;
  const kept = 1 / (1 - share);
  return new Map(
    maskSources(bound).map(({ parameter, width }) => {
      const data = new Float32Array(rows * length * width);
      const size = length * width;
      for (let row = 0; row < rows; row++) {
        const random = xoshiro128([seed, step, place + row, hashOf(`${block}/${parameter}`)]);
        // The first words of neighbouring states are alike.
        for (let k = 0; k < 16; k++) random();
        for (let i = row * size; i < (row + 1) * size; i++) data[i] = random() < limit ? 0 : kept;
      }
      return [parameter, { type: 'float32', dims: [rows, length, width], data }];
    }),
  );
}

/** FNV-1a of 32 bits; never 0, so that no state of a generator is. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let k = 0; k < text.length; k++) hash = Math.imul(hash ^ text.charCodeAt(k), 0x01000193);
  return hash >>> 0 || 1;
}
