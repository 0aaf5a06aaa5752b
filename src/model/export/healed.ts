// Whether a healing can be written into an export: it belongs to one graph and one plan.

import { EspalierError } from '../../errors.ts';
import type { Folder } from '../../onnx/source.ts';
import { formatUnits, type Unit } from '../../units.ts';
import type { ModelGraphs } from '../graphs/decoders.ts';
import { requireSameWeights } from '../healing/sameWeights.ts';
import { changesByWeight } from '../healing/storedWeights.ts';
import { healingOf, type StepChoice } from './steps.ts';

/**
 * @param units what the export removes
 * @param others how many other precisions it writes
 * @throws EspalierError `bad-input` for a healing of another plan, or with other precisions;
 *   `unsupported-graph` where another graph of the decoder has other weights
 */
export async function requireHealable(
  { decoders, folder }: Pick<ModelGraphs, 'decoders'> & { folder: Folder },
  units: readonly Unit[],
  steps: readonly StepChoice[],
  others: number,
): Promise<void> {
  const healing = healingOf(steps)?.healing;
  if (!healing) return;
  if (others > 0)
    throw new EspalierError(
      'bad-input',
      `A healing belongs to one graph: it cannot be written in ${others + 1} precisions.`,
      'Export the graph that was healed alone.',
    );
  if (formatUnits(healing.removed) !== formatUnits(units))
    throw new EspalierError(
      'bad-input',
      `The healing is of the plan ${formatUnits(healing.removed) || 'without removals'}, and the ` +
        `export is of ${formatUnits(units) || 'the original'}.`,
      'Export the plan that was healed, or heal this one.',
    );
  const [{ copies }] = decoders;
  const all = decoders.flatMap((file) => file.copies);
  await requireSameWeights(copies[0]!, all.slice(1), changesByWeight(healing.changes), folder);
}
