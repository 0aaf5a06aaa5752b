// The one primary button of the present state.

import type { CommandId } from './commands.ts';
import { goalObstacle } from './goal/selectors.ts';
import { engineJob } from './jobs.ts';
import { canScore, settingsChanged } from './score/selectors.ts';
import type { StudioState } from './state.ts';

export function primaryCommand(state: StudioState): CommandId {
  const { current } = state.model;
  if (!current) return 'sample';
  const job = engineJob(state);
  if (job && job !== 'export') return 'cancel';
  const canFind = goalObstacle(state) === null;
  if (state.score.curve && !settingsChanged(state))
    return canFind && state.plan.present.removed.length === 0 ? 'find-plan' : 'export';
  if (!current.summary.canScore) return 'export';
  if (!canScore(state)) return 'settings';
  if (state.score.curve) return 'score';
  // Scoring has just failed and there is a plan made by hand: it can be saved as it is.
  if (state.errors.score && state.plan.present.removed.length) return 'export';
  // It scores by itself.
  return canFind ? 'find-plan' : 'score';
}
