// The one primary button of the present state.

import type { CommandId } from './commands.ts';
import { engineJob } from './jobs.ts';
import { canScore, settingsChanged } from './score/selectors.ts';
import type { StudioState } from './state.ts';

export function primaryCommand(state: StudioState): CommandId {
  const { current } = state.model;
  if (!current) return 'sample';
  const job = engineJob(state);
  if (job && job !== 'export') return 'cancel';
  if (state.score.curve && !settingsChanged(state)) return 'export';
  if (!current.summary.canScore) return 'export';
  if (!canScore(state)) return 'settings';
  // Scoring has just failed and there is a plan made by hand: it can be saved as it is.
  return state.errors.score && state.plan.present.removed.length && !state.score.curve
    ? 'export'
    : 'score';
}
