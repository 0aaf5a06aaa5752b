// The form in which each matrix of a model is written by a quantisation, and what its sensitivity
// is called by.

import type { QuantisableMatrix } from './matrices.ts';
import type {
  ComputedMatrix,
  MatrixForm,
  Quantisation,
  QuantiseSettings,
  TableForm,
} from './quantisation.ts';

/**
 * In few bits, or as it is. `forms` chooses among the matrices of the blocks and of products beside
 * them; table and head have settings of their own.
 */
export function formOf(
  { kind, tensor, obstacle }: Pick<QuantisableMatrix, 'kind' | 'tensor' | 'obstacle'>,
  { settings, forms }: { settings: QuantiseSettings; forms: Quantisation['forms'] },
): MatrixForm {
  if (obstacle !== null) return 'float';
  if (kind === 'embedding') return formOfTable(settings.embedding);
  if (kind === 'head') return formOfTable(settings.head);
  return Object.hasOwn(forms, tensor) ? forms[tensor]! : settings.bits;
}

const formOfTable = (form: TableForm): MatrixForm => (form === 'keep' ? 'float' : form);

/** What was computed for a matrix, or null. */
export function computedFor(
  { tensor, block }: Pick<QuantisableMatrix, 'tensor' | 'block'>,
  computed: readonly ComputedMatrix[],
): ComputedMatrix | null {
  return computed.find((one) => one.tensor === tensor && one.block === block) ?? null;
}

/**
 * What the sensitivity of a matrix is called by: its tensor. What token ids are looked up in may be
 * multiplied with as well, and has a sensitivity for each.
 */
export const sensitivityKey = ({
  tensor,
  part,
}: Pick<QuantisableMatrix, 'tensor' | 'part'>): string =>
  part === 'embedding' ? `${tensor} (looked up)` : tensor;
