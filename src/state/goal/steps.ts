// The steps of a run as the page follows them: one at a time, each in words with what came out.

import type { Context } from '../context.ts';
import type { GoalPhase, GoalStep } from './state.ts';

export interface Steps {
  /** The last step runs until it is ended. */
  begin(phase: GoalPhase, what: string): void;
  end(outcome: string): void;
  /** The last step once more, in its place: the list stays short. */
  again(phase: GoalPhase, what: string): void;
  /** A step that took no time. */
  note(phase: GoalPhase, what: string, outcome: string): void;
}

export function makeSteps({ get, patch }: Pick<Context, 'get' | 'patch'>): Steps {
  const write = (steps: readonly GoalStep[], phase: GoalPhase | null) =>
    patch('goal', { steps, phase });
  return {
    begin: (phase, what) => write([...get().goal.steps, { phase, what, outcome: null }], phase),
    end(outcome) {
      const { steps } = get().goal;
      write([...steps.slice(0, -1), { ...steps.at(-1)!, outcome }], null);
    },
    again: (phase, what) =>
      write([...get().goal.steps.slice(0, -1), { phase, what, outcome: null }], phase),
    note: (phase, what, outcome) =>
      write([...get().goal.steps, { phase, what, outcome }], get().goal.phase),
  };
}
