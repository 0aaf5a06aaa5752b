// What a quantisation makes of every matrix of a decoder, for a graph that was made of it: matrices
// are found again by the bytes that they are stored in.

import { keyOf } from '../../onnx/bytes.ts';
import type { Bytes } from '../../onnx/source.ts';
import { nameInCopy } from '../healing/sameWeights.ts';
import { usesOf, type WeightUses } from '../healing/weightUses.ts';
import type { Structure } from '../structure/structure.ts';
import { computedFor, formOf } from './forms.ts';
import { type QuantisableMatrix, quantisableMatrices } from './matrices.ts';
import { beforeFloat16 } from './packed.ts';
import type { ComputedMatrix, MatrixForm, Quantisation } from './quantisation.ts';

/** A matrix, the form it is written in, and its integers where they were computed. */
export interface PlannedMatrix {
  matrix: QuantisableMatrix;
  form: MatrixForm;
  computed: ComputedMatrix | null;
}

export interface QuantisationPlan {
  matrices: readonly PlannedMatrix[];
  /**
   * The matrix of these bytes, whether or not they were made float16 since; of several blocks that
   * read them, that of `block`.
   */
  of(data: Bytes, isTable: boolean, block: number | null): PlannedMatrix | null;
}

/**
 * @param base the decoder as it is before its weights are rounded
 * @param named the one whose tensors the quantisation names: `base` or another copy of it
 */
export function quantisationPlan(
  base: Structure,
  named: Structure,
  quantisation: Pick<Quantisation, 'settings' | 'forms' | 'computed'>,
): QuantisationPlan {
  let uses: [WeightUses, WeightUses] | null = null;
  const matrices = quantisableMatrices(base).map((matrix): PlannedMatrix => {
    const tensor = base === named ? matrix.tensor : nameOf(matrix);
    const form = formOf({ ...matrix, tensor }, quantisation);
    const isComputed = form === 4 && matrix.kind === 'block';
    const computed = isComputed ? computedFor({ ...matrix, tensor }, quantisation.computed) : null;
    return { matrix, form, computed };
  });
  const byBytes = new Map<string, PlannedMatrix[]>();
  for (const planned of matrices) {
    const key = placeKey(planned.matrix.data, planned.matrix.kind === 'embedding');
    byBytes.set(key, [...(byBytes.get(key) ?? []), planned]);
  }
  return {
    matrices,
    of(data, isTable, block) {
      const found = byBytes.get(placeKey(data, isTable)) ?? [];
      if (found.length < 2) return found[0] ?? null;
      return found.find(({ matrix }) => matrix.block === block) ?? null;
    },
  };

  /** Names only matter where something was said of single matrices. */
  function nameOf({ tensor, block }: QuantisableMatrix): string {
    const { forms, computed } = quantisation;
    if (computed.length === 0 && Object.keys(forms).length === 0) return tensor;
    uses ??= [usesOf(base), usesOf(named)];
    return nameInCopy(...uses, tensor, block) ?? tensor;
  }
}

const placeKey = (data: Bytes, isTable: boolean): string =>
  `${isTable} ${keyOf(beforeFloat16(data))}`;
