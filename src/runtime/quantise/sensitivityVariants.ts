// One matrix of a model in few bits and all others as they are: the programs of such a variant, and
// where it leaves the base.

import type { ScorePrograms } from '../../model/programs/program.ts';
import type { QuantisableMatrix } from '../../model/quantise/matrices.ts';
import type { MatrixForm } from '../../model/quantise/quantisation.ts';
import type { Unit } from '../../units.ts';
import { programOf } from '../weights/stages.ts';
import type { QuantisedBase } from './jobMatrices.ts';

import { fewBitsPlaces, withFewBits } from './rebound.ts';

/** The base with one matrix in few bits. */
export interface Variant {
  /** `sensitivityKey` of the matrix. */
  key: string;
  /** Those of the base with other bytes for this matrix. */
  programs: ScorePrograms;
  /** Bytes of the matrix on the device. */
  bytes: number;
  /** Leaves the base before the unit at this position: -1 the embedding, the last the head. */
  at: number;
}

/**
 * The variants of every matrix that is written in few bits, by the bytes of rounding to the nearest
 * or of HQQ: GPTQ would need its sums first. Matrices that no score program reads are left out.
 * @param sequence what the base runs, in its order
 * @param forms by tensor, as far as they are chosen; those of few bits are measured in theirs
 */
export function variantsOf(
  base: QuantisedBase,
  programs: ScorePrograms,
  sequence: readonly Unit[],
  forms: Readonly<Record<string, MatrixForm>>,
): Variant[] {
  return [...fewBitsPlaces(base, forms)].flatMap(([key, places]) => {
    const own = withFewBits(base, programs, places, forms);
    if (own === null) return [];
    const at = leavesAt(programs, own, sequence);
    const [{ data }] = places as [QuantisableMatrix];
    return at === null ? [] : [{ key, programs: own, bytes: data.length, at }];
  });
}

/**
 * The position in the sequence of the first unit that reads another matrix than the base does: -1
 * for the embedding, the length of the sequence for the head; null where nothing that runs does.
 */
function leavesAt(
  programs: ScorePrograms,
  variant: ScorePrograms,
  sequence: readonly Unit[],
): number | null {
  if (variant.embed !== programs.embed) return -1;
  const at = sequence.findIndex((unit) => programOf(variant, unit) !== programOf(programs, unit));
  if (at >= 0) return at;
  return variant.head === programs.head ? null : sequence.length;
}

/**
 * Variants that run beside each other, in the order in which they leave the base: at most `room`
 * at a time, and one block's alone where all weights are there anyway, so that results come early.
 */
export function wavesOf<V extends { at: number }>(
  variants: readonly V[],
  room: number,
  byBlock: boolean,
): V[][] {
  const waves: V[][] = [];
  for (const variant of [...variants].sort((a, b) => a.at - b.at)) {
    const wave = waves.at(-1);
    const joins = wave && wave.length < room && (!byBlock || wave[0]?.at === variant.at);
    if (joins) wave.push(variant);
    else waves.push([variant]);
  }
  return waves;
}

/** Block evaluations of a wave over `length` units: of its variants, and of the base. */
export function blockRunsOf(
  wave: readonly { at: number }[],
  length: number,
  base: { from: number; to: number },
): number {
  const own = wave.reduce((sum, { at }) => sum + length - Math.max(0, at), 0);
  return own + Math.max(0, base.to - base.from);
}
