// The programs of a healed model whose changed matrices of integers become float ones.

import { healedStructure } from '../../../model/healing/healedStructure.ts';
import type { WeightChange } from '../../../model/healing/healing.ts';
import { changesIntegers } from '../../../model/healing/storedWeights.ts';
import type { OpenedModel } from '../../../model/open/open.ts';
import type { ScorePrograms } from '../../../model/programs/program.ts';
import { makeScorePrograms } from '../../../model/programs/programs.ts';
import { fitted } from '../../../model/programs/widen.ts';
import type { Engine } from '../../device/engine.ts';

/**
 * Programs of their own, for other operators multiply; null where only floats change.
 * @throws EspalierError as `healedStructure` and `makeScorePrograms`
 */
export function floatPrograms(
  opened: OpenedModel,
  changes: readonly WeightChange[],
  { kind, float16 }: Pick<Engine, 'kind' | 'float16'>,
): ScorePrograms | null {
  if (!changesIntegers(opened.structure, changes)) return null;
  const structure = healedStructure(opened.structure, { changes }, 'float');
  return fitted(makeScorePrograms({ ...opened, structure }, { device: kind }), float16);
}
