// Which sequences each training step takes.

import { xoshiro128 } from '../random.ts';

export interface Order {
  /** Sequences that there are. */
  count: number;
  /** Sequences per step. */
  batch: number;
  /** As they stand, or in a new order in each epoch. */
  order: 'given' | 'shuffled';
  seed: number;
}

/**
 * The sequences of step s = 0, 1, ..: places batch * s up to batch * (s + 1) of all epochs one
 * after the other. The same for the same step, however often and in which order steps are asked for.
 */
export function stepOrder({ count, batch, order, seed }: Order): (step: number) => number[] {
  let known: { epoch: number; places: readonly number[] } | null = null;
  const placesOf = (epoch: number): readonly number[] => {
    if (known?.epoch !== epoch) known = { epoch, places: permutation(count, seed, epoch) };
    return known.places;
  };
  return (step) =>
    Array.from({ length: batch }, (_, k) => {
      const at = batch * step + k;
      const place = at % count;
      return order === 'given' ? place : placesOf(Math.floor(at / count))[place]!;
    });
}

/**
 * 0 .. count - 1 in an order of their own for each seed and epoch.
 * @source the shuffle of Fisher and Yates in Durstenfeld's form
 */
function permutation(count: number, seed: number, epoch: number): number[] {
  const random = xoshiro128([seed >>> 0, epoch, 0x9e3779b9, count]);
  // The first words of neighbouring states are alike.
  for (let k = 0; k < 16; k++) random();
  const places = Array.from({ length: count }, (_, k) => k);
  for (let last = count - 1; last > 0; last--) {
    const other = Math.floor((random() / 2 ** 32) * (last + 1));
    [places[last], places[other]] = [places[other]!, places[last]!];
  }
  return places;
}
