// How a run ended, in words, with the plan that is offered.

import type { Unit } from '../../units.ts';
import {
  ENDS,
  found,
  onlyOn,
  probably,
  type Reached,
  unreachable,
  wanted,
} from '../../words/goal.ts';
import { FEW_WINDOWS } from '../../words/verdict.ts';
import type { StudioState } from '../state.ts';
import type { Outcome, Tested } from './search.ts';
import type { GoalOutcome } from './state.ts';
import { isExact, type Reading, sizeOf } from './target.ts';

/** "9.47 MB, 23 % smaller" adds the share to bytes that are compared with the original. */
function valueWords(
  state: StudioState,
  { removed, reading }: Tested,
  inWords: (reading: Reading) => string,
): string {
  if (!reading) return '';
  const share = isExact(state.goal.kind) ? smallerBy(state, removed) : '';
  return inWords(reading) + share;
}

function smallerBy(state: StudioState, removed: readonly Unit[]): string {
  const [before, after] = [state.model.current?.summary.bytes, sizeOf(state, removed)];
  if (!before || after === null) return '';
  return ` (−${(100 * (1 - after / before)).toFixed(0)} %)`;
}

/** A perplexity of few windows says little: so does a plan that was chosen by it. */
function thinWords({ score: { curve } }: StudioState, { rise }: Tested): string {
  const windows = curve?.result.windows.length ?? 0;
  if (rise === null || windows >= FEW_WINDOWS) return '';
  return ` ${onlyOn(windows, curve?.result.settings.length ?? 0)}`;
}

export function outcomeOf(
  state: StudioState,
  outcome: Outcome,
  inWords: (reading: Reading) => string,
): GoalOutcome {
  const { kind, value } = state.goal;
  const goal = wanted(kind, value ?? Number.NaN);
  const reached = (one: Tested): Reached => ({
    removed: one.removed,
    value: valueWords(state, one, inWords),
    rise: one.rise,
    isRefitted: one.healing !== undefined,
  });
  switch (outcome.end) {
    case 'original':
      return {
        end: outcome.end,
        words: ENDS.original(goal, inWords(outcome.reading)),
        closest: null,
      };
    case 'unreachable': {
      const { why, closest } = outcome;
      return {
        end: outcome.end,
        words: unreachable(goal, why, closest && reached(closest)),
        closest: closest?.removed ?? null,
        healing: closest?.healing,
      };
    }
    default: {
      const say = outcome.end === 'met' ? found : probably;
      const words = say(goal, reached(outcome.plan)) + thinWords(state, outcome.plan);
      return { end: outcome.end, words, closest: null };
    }
  }
}
