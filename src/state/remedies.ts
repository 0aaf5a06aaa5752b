// The one click that goes on after an error, by what went wrong and where; must not decide whether
// it will help.

import type { Interrupted } from '../contract/interrupted.ts';
import { type CommandId, command } from './commands.ts';
import { goesOn, percent } from './longJob.ts';
import { derive } from './memo.ts';
import type { Place, StudioState } from './state.ts';
import type { Actions } from './store.ts';

export interface Remedy {
  label: string;
  run(actions: Actions, state: StudioState): void;
}

const like = (id: CommandId, label: string): Remedy => ({
  label,
  run: (actions, state) => {
    const one = command(id);
    if (one.enabled(state)) one.run(actions, state);
  },
});

/** The step that failed, once more. An export starts in its dialog, which says it. */
const AGAIN: { readonly [P in Place]?: Remedy } = {
  device: { label: 'Test the device again', run: (actions) => void actions.checkDevice() },
  score: like('score', 'Score again'),
  parts: like('score-parts', 'Score parts again'),
  criteria: like('compare-criteria', 'Compare again'),
  stability: like('stability', 'Go on with the study'),
  search: like('search', 'Search again'),
  evaluate: like('evaluate', 'Evaluate again'),
  plan: { label: 'Measure again', run: (actions) => actions.measureAgain() },
  speed: like('measure', 'Measure again'),
  budget: { label: 'Search again', run: (actions) => void actions.findPlan() },
  generate: like('generate', 'Generate again'),
};

const READ_AGAIN: Remedy = {
  label: 'Read the folder again',
  run: (actions) => void actions.readAgain(),
};
const CHOOSE_AGAIN: Remedy = {
  label: 'Choose the folder again',
  run: (actions) => void actions.openFolder(),
};

/** Weights that do not stay within the budget are read from the files while the job goes on. */
const withHalfTheMemory = ({ label, run }: Remedy): Remedy => ({
  label: `${label} with half the memory`,
  run(actions, state) {
    const { memory, settings } = state.score;
    const budget = settings.budgetBytes ?? memory?.budget ?? memory?.total;
    if (budget)
      actions.setSettings({
        budgetBytes: Math.floor(Math.min(budget, memory?.total ?? budget) / 2),
      });
    run(actions, state);
  },
});

/** After memory ran out. What an interrupted job has done is found by any budget. */
const WITH_LESS: { readonly [P in Place]?: Remedy } = {
  score: withHalfTheMemory(like('score', 'Score again')),
  parts: withHalfTheMemory(like('score-parts', 'Score parts again')),
  search: withHalfTheMemory(like('search', 'Search again')),
  evaluate: withHalfTheMemory(like('evaluate', 'Evaluate again')),
};

/** What an interrupted job has done is not done again. */
const goOn = derive(
  (job: Interrupted) => [job],
  (job): Remedy => ({
    label: `Go on at ${percent(job)} %`,
    run: (actions) => void actions.resume(job),
  }),
);

function again(state: StudioState, place: Place): Remedy | null {
  const job = goesOn(state, place);
  return job ? goOn(job) : (AGAIN[place] ?? null);
}

/** What goes on from the error at this place, or null when only the user can know. */
export function remedyOf(state: StudioState, place: Place): Remedy | null {
  switch (state.errors[place]?.code) {
    case 'missing-file':
      if (state.model.current?.source.kind !== 'files') return again(state, place);
      return place === 'open' ? CHOOSE_AGAIN : place === 'restore' ? null : READ_AGAIN;
    case 'out-of-memory':
      return WITH_LESS[place] ?? again(state, place);
    case 'device-lost':
    case 'bug':
      return again(state, place);
    default:
      return null;
  }
}
