// The commands that run actions, as data for buttons, shortcuts, the help page and tests.

import { WORKSPACE_LABELS } from '../words/page.ts';
import { WORKSPACES } from '../words/workspaces.ts';
import type { Actions } from './actions.ts';
import { evaluateObstacle } from './evaluate/selectors.ts';
import { generateObstacle } from './generate/selectors.ts';
import { goalObstacle } from './goal/selectors.ts';
import { healObstacle } from './heal/selectors.ts';
import { engineJob } from './jobs.ts';
import { endsLocked } from './plan/locks.ts';
import { quantiseObstacle } from './quantise/selectors.ts';
import { canScore } from './score/selectors.ts';
import { searchObstacle } from './search/selectors.ts';
import { meterUse } from './speed/metering.ts';
import { measureObstacle } from './speed/selectors.ts';
import { studyObstacle } from './stability/selectors.ts';
import type { StudioState } from './state.ts';
import { canScoreSublayers } from './sublayers/selectors.ts';
import { tasksObstacle } from './tasks/selectors.ts';
import { widthObstacle } from './width/selectors.ts';

export interface Command {
  /** Unique. */
  id: string;
  label: string;
  /** Key bindings in tinykeys' notation; the first one is shown. */
  keys: readonly string[];
  enabled(state: StudioState): boolean;
  run(actions: Actions, state: StudioState): void;
}

const isOpen = (state: StudioState) => state.model.current !== null;
const isIdle = (state: StudioState) => engineJob(state) === null && state.model.opening === null;
const isBusy = (state: StudioState) => engineJob(state) !== null || state.effect.progress !== null;
const isMeasurable = (state: StudioState) => measureObstacle(state) === null;

const TABLE = [
  {
    id: 'sample',
    label: 'Try the sample',
    keys: [],
    enabled: isIdle,
    run: (actions) => void trySample(actions),
  },
  {
    id: 'open',
    label: 'Open folder',
    keys: ['o'],
    enabled: isIdle,
    run: (actions) => void actions.openFolder(),
  },
  {
    id: 'open-files',
    label: 'Open file',
    keys: ['Shift+o'],
    enabled: isIdle,
    run: (actions) => void actions.openFiles(),
  },
  {
    id: 'find-plan',
    label: 'Find a plan for the goal',
    keys: ['f'],
    enabled: (state) => !state.goal.running && goalObstacle(state) === null,
    run: (actions) => void actions.findPlan(),
  },
  {
    id: 'score',
    label: 'Score blocks',
    keys: ['s'],
    enabled: (state) => isIdle(state) && canScore(state),
    run: (actions) => void actions.score(),
  },
  {
    id: 'score-sublayers',
    label: 'Score sublayers',
    keys: ['a'],
    enabled: (state) => isIdle(state) && canScoreSublayers(state),
    run: (actions) => void actions.scoreSublayers(),
  },
  {
    id: 'compare-criteria',
    label: 'Compare criteria',
    keys: ['c'],
    enabled: (state) => isOpen(state) && isIdle(state),
    run: (actions) => void actions.compareCriteria(),
  },
  {
    id: 'stability',
    label: 'Study how stable the order is',
    keys: ['t'],
    enabled: (state) => studyObstacle(state) === null,
    run: (actions) => void actions.studyStability(),
  },
  {
    id: 'search',
    label: 'Start the iterative search',
    keys: ['i'],
    enabled: (state) => searchObstacle(state) === null,
    run: (actions) => void actions.search(),
  },
  {
    id: 'heal',
    label: 'Heal the plan',
    keys: ['l'],
    enabled: (state) => healObstacle(state) === null,
    run: (actions) => void actions.heal(),
  },
  {
    id: 'pause',
    label: 'Pause or continue the search, the healing, the quantisation or the tasks',
    keys: ['h'],
    enabled: ({ search, heal, quantise, tasks }) =>
      search.running || [heal, quantise, tasks].some(({ running }) => running !== null),
    run(actions, { search, heal, quantise, tasks }) {
      if (search.running) actions.pauseSearch(!search.paused);
      else if (heal.running) actions.pauseHealing(!heal.paused);
      else if (quantise.running) actions.pauseQuantise(!quantise.paused);
      else actions.pauseTasks(!tasks.paused);
    },
  },
  {
    id: 'stop-healing',
    label: 'Stop the training, keep the best state',
    keys: ['Shift+l'],
    enabled: ({ heal: { running } }) => running !== null && !running.stopping,
    run: (actions) => actions.stopHealing(),
  },
  {
    id: 'quantise',
    label: 'Quantise the plan',
    keys: ['q'],
    enabled: (state) => quantiseObstacle(state) === null,
    run: (actions) => void actions.quantise(),
  },
  {
    id: 'evaluate',
    label: 'Evaluate on a text',
    keys: ['v'],
    enabled: (state) => evaluateObstacle(state) === null,
    run: (actions) => void actions.evaluate(),
  },
  {
    id: 'tasks',
    label: 'Run tasks',
    keys: ['x'],
    enabled: (state) => tasksObstacle(state) === null,
    run: (actions) => void actions.scoreTasks(),
  },
  {
    id: 'cancel',
    label: 'Cancel',
    keys: ['Shift+Escape'],
    enabled: (state) =>
      (isBusy(state) && !state.score.cancelling) ||
      meterUse(state) !== null ||
      state.generate.running,
    run: (actions, state) => {
      if (state.generate.running) actions.stopGenerating();
      if (meterUse(state)) actions.stopMeasuring();
      if (isBusy(state)) void actions.cancel();
    },
  },
  {
    id: 'undo',
    label: 'Undo',
    keys: ['$mod+z'],
    enabled: (state) => state.plan.past.length > 0,
    run: (actions) => actions.undo(),
  },
  {
    id: 'redo',
    label: 'Redo',
    keys: ['$mod+Shift+z', '$mod+y'],
    enabled: (state) => state.plan.future.length > 0,
    run: (actions) => actions.redo(),
  },
  {
    id: 'keep-all',
    label: 'Keep all blocks',
    keys: ['k'],
    enabled: (state) => state.plan.present.removed.length > 0,
    run: (actions) => actions.keepAll(),
  },
  {
    id: 'lock-ends',
    label: 'Lock first 4 and last 2',
    keys: ['p'],
    enabled: isOpen,
    run: (actions, state) => actions.lockEnds(!endsLocked(state)),
  },
  {
    id: 'settings',
    label: 'Scoring settings',
    keys: [','],
    enabled: (state) => isOpen(state) && isIdle(state),
    run: (actions) => actions.openDialog('settings'),
  },
  {
    id: 'export',
    label: 'Export pruned model',
    keys: ['e'],
    enabled: (state) =>
      isOpen(state) &&
      [null, 'export', 'forms'].includes(engineJob(state)) &&
      state.model.opening === null,
    run: (actions) => actions.openDialog('export'),
  },
  {
    id: 'interop',
    label: 'Use elsewhere',
    keys: ['u'],
    enabled: isOpen,
    run: (actions) => actions.openDialog('interop'),
  },
  {
    id: 'report',
    label: 'Save report',
    keys: ['r'],
    enabled: isOpen,
    run: (actions) => actions.openDialog('report'),
  },
  {
    id: 'generate',
    label: 'Generate side by side',
    keys: ['g'],
    enabled: (state) => generateObstacle(state) === null,
    run: (actions) => void actions.generate(),
  },
  {
    id: 'measure',
    label: 'Measure speed',
    keys: ['m'],
    enabled: isMeasurable,
    run: (actions) => void actions.measureSpeed('quick'),
  },
  {
    id: 'measure-paper',
    label: 'Measure speed by the paper’s protocol',
    keys: ['Shift+m'],
    enabled: isMeasurable,
    run: (actions) => void actions.measureSpeed('paper'),
  },
  {
    id: 'sweep',
    label: 'Sweep batch sizes',
    keys: ['b'],
    enabled: isMeasurable,
    run: (actions) => void actions.sweepBatches(),
  },
  {
    id: 'compare-width',
    label: 'Compare width with depth',
    keys: ['w'],
    enabled: (state) => widthObstacle(state) === null,
    run: (actions) => void actions.compareWidth(),
  },
  {
    id: 'kept',
    label: 'Kept results',
    keys: [],
    enabled: (state) => (state.kept.models?.length ?? 0) > 0,
    run: (actions) => actions.openDialog('kept'),
  },
  {
    id: 'device',
    label: 'Device and self-test',
    keys: ['d'],
    enabled: (state) => state.device.report !== null,
    run: (actions) => actions.openDialog('device'),
  },
  {
    id: 'help',
    label: 'Help and about',
    keys: ['?', 'Shift+?'],
    enabled: () => true,
    run: (actions) => actions.openDialog('help'),
  },
] as const satisfies readonly Command[];

export type CommandId = (typeof TABLE)[number]['id'];

/** 1, 2, 3 ... open the workspaces in the order of their tabs. */
const OPEN_WORKSPACE = WORKSPACES.map(
  (id, at): Command => ({
    id: `workspace-${id}`,
    label: `Open ${WORKSPACE_LABELS[id]}`,
    keys: [String(at + 1)],
    enabled: isOpen,
    run: (actions) => actions.openWorkspace(id),
  }),
);

export const COMMANDS: readonly Command[] = [...TABLE, ...OPEN_WORKSPACE];

const BY_ID = Object.fromEntries(TABLE.map((one) => [one.id, one])) as unknown as Record<
  CommandId,
  Command
>;

export const command = (id: CommandId): Command => BY_ID[id];

/** The sample is scored at once, unless its curve is kept: from one click to a live curve. */
async function trySample(actions: Actions): Promise<void> {
  if ((await actions.openSample()) && !(await actions.untilRestored())) await actions.score();
}
