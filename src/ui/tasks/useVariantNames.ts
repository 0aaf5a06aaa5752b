// The names of variants that answer tasks, as the table of variants has them.

import type { TaskVariant } from '../../contract/comparison/tasks.ts';
import { keyOfVariant } from '../../state/tasks/names.ts';
import { nameOfVariant } from '../../state/variants/variants.ts';
import { useStudio } from '../studioContext.ts';

export function useVariantNames(variants: readonly TaskVariant[]): string[] {
  const heal = useStudio((state) => state.heal);
  const quantise = useStudio((state) => state.quantise);
  const given = useStudio((state) => state.variants.names);
  return variants.map((one) => {
    const key = keyOfVariant(one);
    return given.get(key) ?? nameOfVariant({ heal, quantise }, key);
  });
}
