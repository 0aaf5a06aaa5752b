// A quantisation with what was read for it, and the programs of the model that it starts from.

import type { ScorePrograms } from '../../model/programs/program.ts';
import { makeScorePrograms } from '../../model/programs/programs.ts';
import { fitted } from '../../model/programs/widen.ts';
import type { Unit } from '../../units.ts';
import type { SessionModel } from '../score/sessionOptions.ts';
import type { QuantiseJob } from './job.ts';
import type { QuantisedBase } from './jobMatrices.ts';
import type { QuantiseTexts } from './jobTexts.ts';

export interface BaseJob extends QuantiseJob {
  /** Sorted. */
  removed: readonly Unit[];
  base: QuantisedBase;
  texts: QuantiseTexts;
}

/**
 * Score programs of the base: those of the session, or, with the weights of a healing, of its own.
 * @throws EspalierError as `makeScorePrograms`
 */
export function basePrograms(
  { opened, base }: Pick<BaseJob, 'opened' | 'base'>,
  { programs, engine }: SessionModel,
): ScorePrograms {
  const { structure } = base;
  if (structure === opened.structure) return programs;
  const own = makeScorePrograms({ ...opened, structure }, { device: engine.kind });
  return fitted(own, engine.float16);
}
