// A refit as a healing that a session can run, for tests.

import type { Healing } from '../../../model/healing/healing.ts';
import { healingId } from '../../../model/healing/id.ts';
import type { Unit } from '../../../units.ts';
import type { Refitted } from '../refit.ts';

export async function healed(
  removed: readonly Unit[],
  { changes, tokens }: Pick<Refitted, 'changes' | 'tokens'>,
): Promise<Healing> {
  const text = { name: 'windows', sha256: '', tokens };
  return {
    id: await healingId(changes),
    removed,
    changes,
    record: { removed, text, steps: [], measured: [] },
  };
}
