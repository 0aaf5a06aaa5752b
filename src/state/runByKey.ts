// Commands by key: a key that would do finished work once more asks first, as a slip of a finger
// must not cost minutes. Buttons say what they do and do it.

import { againByKey } from '../words/plan.ts';
import type { Actions } from './actions.ts';
import type { Command } from './commands.ts';
import { settingsChanged } from './score/selectors.ts';
import { doneRuns } from './stability/selectors.ts';
import type { StudioState } from './state.ts';
import { currentSublayers } from './sublayers/selectors.ts';
import { isAnswered } from './tasks/selectors.ts';

const DONE: readonly (string | null)[] = ['count', 'bound', 'locks'];

/** Commands of long work -> whether what they would do is done already. */
const IS_DONE: Readonly<Record<keyof typeof againByKey, (state: StudioState) => boolean>> = {
  score: (state) => state.score.curve !== null && !settingsChanged(state),
  'score-sublayers': (state) => currentSublayers(state) !== null,
  'compare-criteria': ({ criteria }) => criteria.compared,
  stability: (state) => doneRuns(state).length > 0,
  search: ({ search }) => search.path !== null && DONE.includes(search.path.ended),
  evaluate: ({ evaluate, plan }) =>
    evaluate.shown?.whole === true &&
    evaluate.shown.result.removed.join() === plan.present.removed.join(),
  tasks: isAnswered,
};

const isLongWork = (id: string): id is keyof typeof IS_DONE => id in IS_DONE;

export function runByKey(one: Command, actions: Actions, state: StudioState): void {
  const { id } = one;
  if (isLongWork(id) && IS_DONE[id](state)) {
    const { text, label } = againByKey[id];
    actions.toast(text, { command: id, label });
  } else one.run(actions, state);
}
