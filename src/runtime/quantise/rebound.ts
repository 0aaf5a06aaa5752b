// Matrices in few bits in the programs of the base: the floats that the written bytes stand for, in
// place of the stored ones.

import { toReport } from '../../errors.ts';
import { reboundPrograms } from '../../model/healing/programs.ts';
import type { ScorePrograms } from '../../model/programs/program.ts';
import { formOf, sensitivityKey } from '../../model/quantise/forms.ts';
import type { QuantisableMatrix } from '../../model/quantise/matrices.ts';
import { dequantisedMatrix } from '../../model/quantise/packed.ts';
import type { MatrixForm } from '../../model/quantise/quantisation.ts';
import { keyOf } from '../../onnx/bytes.ts';
import type { Bytes } from '../../onnx/source.ts';
import { gptqMatrices, type QuantisedBase } from './jobMatrices.ts';

type Forms = Readonly<Record<string, MatrixForm>>;

/** The places of each matrix that is written in few bits, by `sensitivityKey`. */
export function fewBitsPlaces(
  { matrices, settings }: Pick<QuantisedBase, 'matrices' | 'settings'>,
  forms: Forms,
): Map<string, QuantisableMatrix[]> {
  const byKey = new Map<string, QuantisableMatrix[]>();
  for (const matrix of matrices) {
    if (formOf(matrix, { settings, forms }) === 'float') continue;
    const key = sensitivityKey(matrix);
    byKey.set(key, [...(byKey.get(key) ?? []), matrix]);
  }
  return byKey;
}

/**
 * The programs with these matrices in the bits that the forms give them, by rounding to the nearest
 * or by HQQ: GPTQ would need its sums first. Null where no score program reads one of them.
 */
export function withFewBits(
  { structure, settings, activations: scales }: QuantisedBase,
  programs: ScorePrograms,
  places: readonly QuantisableMatrix[],
  forms: Forms,
): ScorePrograms | null {
  const method = settings.method === 'gptq' ? 'rtn' : settings.method;
  const changed = new Map<number | null, Map<string, Bytes>>();
  const looked = new Map<string, Bytes>();
  for (const matrix of places) {
    const bits = formOf(matrix, { settings, forms }) === 8 ? 8 : 4;
    const data = dequantisedMatrix(matrix, { settings: { ...settings, method }, bits, scales });
    const among = changed.get(matrix.block) ?? new Map<string, Bytes>();
    if (matrix.kind === 'embedding') looked.set(keyOf(matrix.data), data);
    else changed.set(matrix.block, among.set(keyOf(matrix.data), data));
  }
  try {
    return reboundPrograms(programs, structure, changed, looked);
  } catch (error) {
    if (toReport(error).code !== 'bad-input') throw error;
    return null;
  }
}

/**
 * What GPTQ goes through: the base with all that is written in few bits and that GPTQ does not
 * compute, so that its inputs are those of the written model. Its own programs where that is
 * nothing.
 */
export function besideGptq(
  base: QuantisedBase,
  programs: ScorePrograms,
  forms: Forms,
): ScorePrograms {
  const own = new Set(gptqMatrices(base, forms));
  const beside = [...fewBitsPlaces(base, forms).values()]
    .map((places) => places.filter((one) => one.kind !== 'head' && !own.has(one)))
    .filter((places) => places.length > 0 && withFewBits(base, programs, places, forms) !== null);
  if (beside.length === 0) return programs;
  return withFewBits(base, programs, beside.flat(), forms) ?? programs;
}
