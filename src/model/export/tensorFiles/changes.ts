// The tensors of the files that a healing changes: its values of initializers, brought back to what
// the files hold.

import { EspalierError } from '../../../errors.ts';
import { changedValues } from '../../healing/changedWeights.ts';
import { changesByWeight, findWeight } from '../../healing/storedWeights.ts';
import { usesOf } from '../../healing/weightUses.ts';
import { storedValues } from '../../make/bind.ts';
import type { Structure } from '../../structure/structure.ts';
import { healingOf, type StepChoice } from '../steps.ts';
import type { StoredChange, TensorFilesSource } from './types.ts';

/** Types that hold float32 values as they are. */
const EXACT: ReadonlySet<string> = new Set(['F32', 'F64']);

/**
 * What stands in place of stored tensors after the healing among the steps, and what is to be said
 * of it; nothing without one. No weight is read.
 * @throws EspalierError `unsupported-graph` for a changed weight that the files have in one tensor
 *   with another (head and embedding), or in none; as `findWeight` and `storedValues`
 */
export function storedChanges(
  { structure, tensorSource }: Pick<TensorFilesSource, 'tensorSource'> & { structure: Structure },
  steps: readonly StepChoice[],
): { changed: Map<string, StoredChange>; remarks: string[] } {
  const changed = new Map<string, StoredChange>();
  const healing = healingOf(steps)?.healing;
  if (!healing) return { changed, remarks: [] };
  const uses = usesOf(structure);
  const written = new Set<string>();
  for (const { tensor, block, changes } of changesByWeight(healing.changes)) {
    const { weight, others } = findWeight(uses, { tensor, block });
    const binding = tensorSource.bindings.get(tensor);
    if (!binding) throw refused(tensor, 'the files have no tensor of its own for it');
    const { stored } = binding.tensor;
    if (others.length > 0 || changed.has(stored.name))
      throw refused(tensor, `the tensor ${stored.name} stands in another place of the model too`);
    const change = storedValues(binding, changedValues(weight, changes));
    changed.set(stored.name, change);
    if (!EXACT.has(change.type)) written.add(roundedTo(stored.type, change.type));
  }
  return { changed, remarks: [...written].sort() };
}

/** What becomes of healed values in a file, as a sentence. */
const roundedTo = (before: string, now: string): string =>
  before === now
    ? `Healed values of ${now} tensors are rounded to ${now} again.`
    : `Healed ${before} tensors are written as ${now}.`;

function refused(tensor: string, why: string): EspalierError {
  return new EspalierError(
    'unsupported-graph',
    `The healed weight ${tensor} cannot be written back: ${why}.`,
    'Write the healed model as ONNX.',
  );
}
