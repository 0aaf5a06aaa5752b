// The one click that continues after an error, by what went wrong and where. Whether it will help
// is not known.

import type { Interrupted } from '../contract/interrupted.ts';
import type { Actions } from './actions.ts';
import { type CommandId, command } from './commands.ts';
import { interruptedAt, percent } from './longJob.ts';
import { derive } from './memo.ts';
import {
  type EngineJob,
  type ErrorPlace,
  JOBS,
  type OtherPlace,
  type StudioState,
} from './state.ts';

export interface Remedy {
  label: string;
  run(actions: Actions, state: StudioState): void;
}

const byCommand = (id: CommandId, label: string): Remedy => ({
  label,
  run: (actions, state) => {
    const one = command(id);
    if (one.enabled(state)) one.run(actions, state);
  },
});

/** Weights that do not stay within the budget are read from the files while the job runs. */
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

/** What failed outside engine jobs, once more. */
const OTHERS: Record<OtherPlace, Remedy | null> = {
  open: null,
  restore: null,
  interop: null,
  device: { label: 'Test the device again', run: (actions) => void actions.checkDevice() },
  plan: { label: 'Measure again', run: (actions) => actions.measureAgain() },
  speed: byCommand('measure', 'Measure again'),
  goal: { label: 'Search again', run: (actions) => void actions.findPlan() },
  generate: byCommand('generate', 'Generate again'),
};

/** What failed at each place, once more: as it was, and with less memory where that helps. */
const AGAIN = new Map<ErrorPlace, { again: Remedy; withLess: Remedy | null }>();
for (const [place, again] of Object.entries(OTHERS))
  if (again) AGAIN.set(place as OtherPlace, { again, withLess: null });
for (const name of Object.keys(JOBS) as EngineJob[]) {
  const { place, again, takesLessMemory } = JOBS[name];
  if (!again) continue;
  const remedy = byCommand(again.command, again.label);
  AGAIN.set(place, { again: remedy, withLess: takesLessMemory ? withHalfTheMemory(remedy) : null });
}

const READ_AGAIN: Remedy = {
  label: 'Read the folder again',
  run: (actions) => void actions.readAgain(),
};
const CHOOSE_AGAIN: Remedy = {
  label: 'Choose a folder',
  run: (actions) => void actions.openFolder(),
};

/** What an interrupted job has done is not done again. */
const resume = derive(
  (job: Interrupted) => [job],
  (job): Remedy => ({
    label: `Resume at ${percent(job)} %`,
    run: (actions) => void actions.resume(job),
  }),
);

function again(state: StudioState, place: ErrorPlace): Remedy | null {
  const job = interruptedAt(state, place);
  return job ? resume(job) : (AGAIN.get(place)?.again ?? null);
}

function afterMissingFile(state: StudioState, place: ErrorPlace): Remedy | null {
  if (place === 'open') return CHOOSE_AGAIN;
  if (state.model.current?.source.kind !== 'files') return again(state, place);
  return place === 'restore' ? null : READ_AGAIN;
}

/** What continues after the error at this place, or null when only the user can know. */
export function remedyOf(state: StudioState, place: ErrorPlace): Remedy | null {
  switch (state.errors[place]?.code) {
    case 'missing-file':
      return afterMissingFile(state, place);
    case 'out-of-memory':
      // What an interrupted job has done is found with any budget.
      return AGAIN.get(place)?.withLess ?? again(state, place);
    case 'device-lost':
    case 'bug':
      return again(state, place);
    default:
      return null;
  }
}
