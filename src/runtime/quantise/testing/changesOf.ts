// Quantised matrices as changes of the stored weights, so that a session can measure them in tests.

import type { WeightChange } from '../../../model/healing/healing.ts';
import { quantisableMatrices } from '../../../model/quantise/matrices.ts';
import type { ComputedMatrix } from '../../../model/quantise/quantisation.ts';
import type { Structure } from '../../../model/structure/structure.ts';
import { floatsOfPacked } from '../gptq/gptqMatrix.ts';

export async function changesOf(
  structure: Structure,
  computed: readonly ComputedMatrix[],
): Promise<WeightChange[]> {
  const orders = new Map(quantisableMatrices(structure).map((m) => [m.tensor, m.order]));
  return Promise.all(
    computed.map(async (matrix): Promise<WeightChange> => {
      const { tensor, block } = matrix;
      const values = await floatsOfPacked(matrix, orders.get(tensor)!, async () => {});
      return { tensor, block, kind: 'replaced', values };
    }),
  );
}
