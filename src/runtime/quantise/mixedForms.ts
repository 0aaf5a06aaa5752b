// Which matrices keep more bits: the choice of `mixed` among the matrices of a plan.

import { choosePrecisions, type PrecisionItem } from '../../analysis/mixedPrecision.ts';
import type { MatrixForm, MixedChoice } from '../../model/quantise/quantisation.ts';

/** A matrix that the choice is among. */
export interface ChoosableMatrix {
  /** Name of the stored tensor. */
  tensor: string;
  /** Bytes as written, by form. */
  bytes(form: MatrixForm): number;
  /** In nats; infinite where the model gives no numbers with it in few bits. */
  sensitivity: number;
}

export interface MixedForms {
  /** By tensor: those in another form than `bits`. */
  forms: Record<string, MatrixForm>;
  /** Bytes more than all in few bits take. */
  bytes: number;
  /** Sum of the sensitivities that are left, in nats. */
  predicted: number;
}

/** What 8 bits leave of a loss in 4: steps are 15 / 255 as long, losses go with their squares. */
const EIGHT_BITS_LEAVE = (15 / 255) ** 2;
/** In place of infinity: more than any finite divergence, and still a number to add. */
const NO_NUMBERS = 1e9;

/**
 * Upgrades 4 -> 8 bits -> float by the loss that each further byte saves. What 8 bits leave of a
 * sensitivity that was measured in 4 is predicted by the squares of their steps.
 * @param bits of all matrices that are not upgraded, in which sensitivities were measured
 */
export function mixedForms(
  matrices: readonly ChoosableMatrix[],
  bits: 4 | 8,
  goal: MixedChoice,
): MixedForms {
  const items = matrices.map(({ tensor, bytes, sensitivity }): PrecisionItem<MatrixForm> => {
    const loss = Number.isFinite(sensitivity) ? sensitivity : NO_NUMBERS;
    // A matrix that gives no numbers in few bits is not trusted in 8 either.
    const inEight = Number.isFinite(sensitivity) ? loss * EIGHT_BITS_LEAVE : loss;
    const eight = { form: 8, bytes: bytes(8), loss: inEight } as const;
    return {
      name: tensor,
      options: [
        { form: bits, bytes: bytes(bits), loss },
        ...(bits === 4 ? [eight] : []),
        { form: 'float', bytes: bytes('float'), loss: 0 },
      ],
    };
  });
  const choice = choosePrecisions(items, goal);
  const other = [...choice.forms].filter(([, form]) => form !== bits);
  return {
    forms: Object.fromEntries(other),
    bytes: choice.bytes,
    predicted: choice.predicted >= NO_NUMBERS ? Number.POSITIVE_INFINITY : choice.predicted,
  };
}
