// Everything a person can do: the actions, and the commands that run them, as data for buttons,
// shortcuts, the help page and tests.

import { EspalierError } from '../errors.ts';
import { WORKSPACE_LABELS } from '../words/page.ts';
import { WORKSPACES } from '../words/workspaces.ts';
import { makeCriteriaActions } from './criteria/actions.ts';
import { makeDeviceActions } from './device/actions.ts';
import { makeDraftActions } from './drafts/actions.ts';
import { makeEffectActions } from './effect/actions.ts';
import { makeEstimateActions } from './estimate/actions.ts';
import { makeEvaluateActions } from './evaluate/actions.ts';
import { evaluateObstacle } from './evaluate/selectors.ts';
import { makeExportActions } from './export/actions.ts';
import { makeAdapterActions } from './export/adapterActions.ts';
import { makeFormsActions } from './export/formsActions.ts';
import { makeRestoreActions } from './export/restoreActions.ts';
import { makeGenerateActions } from './generate/actions.ts';
import { makeConversationActions } from './generate/conversation.ts';
import { generateObstacle } from './generate/selectors.ts';
import { makeGoalActions } from './goal/actions.ts';
import { goalObstacle } from './goal/selectors.ts';
import { makeHealActions } from './heal/actions.ts';
import { makeRefitActions } from './heal/refitActions.ts';
import { healObstacle } from './heal/selectors.ts';
import { makeHealShelfActions } from './heal/shelfActions.ts';
import { makeInteropActions } from './interop/actions.ts';
import { makeResumeActions } from './interrupted/actions.ts';
import { engineJob } from './jobs.ts';
import { makeKeptActions } from './kept/actions.ts';
import { makeLineageActions } from './lineage/actions.ts';
import { makeModelActions } from './open/actions.ts';
import { makeDropActions } from './open/dropActions.ts';
import { makePlanActions } from './plan/actions.ts';
import { endsLocked } from './plan/locks.ts';
import { makeQuantiseActions } from './quantise/actions.ts';
import { quantiseObstacle } from './quantise/selectors.ts';
import { makeQuantiseShelfActions } from './quantise/shelfActions.ts';
import { makeRecentActions } from './recents/actions.ts';
import { makeScoreActions } from './score/actions.ts';
import { canScore } from './score/selectors.ts';
import { makeSearchActions } from './search/actions.ts';
import { makePathActions } from './search/pathActions.ts';
import { searchObstacle } from './search/selectors.ts';
import { makeSiteActions } from './site/actions.ts';
import { makeSpeedActions } from './speed/actions.ts';
import type { SpeedContext } from './speed/job.ts';
import { meterUse } from './speed/metering.ts';
import { measureObstacle } from './speed/selectors.ts';
import { makeStabilityActions } from './stability/actions.ts';
import { studyObstacle } from './stability/selectors.ts';
import type { StudioState } from './state.ts';
import { makeSublayerActions } from './sublayers/actions.ts';
import { canScoreSublayers } from './sublayers/selectors.ts';
import { makeVariantActions } from './variants/actions.ts';
import { makeVerdictActions } from './verdict/actions.ts';
import { makeViewActions } from './view/actions.ts';

/**
 * What makes the actions. Each maker gets the actions of all as its second parameter; they are
 * complete by the time that any of them is called.
 */
const MAKERS = [
  makeDeviceActions,
  makeModelActions,
  makeScoreActions,
  makeSublayerActions,
  makeCriteriaActions,
  makeStabilityActions,
  makePlanActions,
  makeEffectActions,
  makeEstimateActions,
  makeSearchActions,
  makePathActions,
  makeEvaluateActions,
  makeHealActions,
  makeHealShelfActions,
  makeRefitActions,
  makeQuantiseActions,
  makeQuantiseShelfActions,
  makeDraftActions,
  makeInteropActions,
  makeResumeActions,
  makeRestoreActions,
  makeDropActions,
  makeExportActions,
  makeFormsActions,
  makeAdapterActions,
  makeGoalActions,
  makeSpeedActions,
  makeGenerateActions,
  makeConversationActions,
  makeVariantActions,
  makeVerdictActions,
  makeViewActions,
  makeKeptActions,
  makeLineageActions,
  makeRecentActions,
  makeSiteActions,
];

type Both<U> = (U extends unknown ? (one: U) => void : never) extends (all: infer I) => void
  ? I
  : never;

export type Actions = Both<ReturnType<(typeof MAKERS)[number]>>;

export function makeActions(context: SpeedContext): Actions {
  const actions = {} as Actions;
  for (const make of MAKERS) {
    const made = make(context, actions);
    const twice = Object.keys(made).filter((name) => name in actions);
    if (twice.length > 0) throw new EspalierError('bug', `Two makers make ${twice.join(', ')}.`);
    Object.assign(actions, made);
  }
  return actions;
}

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
    label: 'Pause or continue the search, the healing or the quantisation',
    keys: ['h'],
    enabled: ({ search, heal, quantise }) =>
      search.running || heal.running !== null || quantise.running !== null,
    run(actions, { search, heal, quantise }) {
      if (search.running) actions.pauseSearch(!search.paused);
      else if (heal.running) actions.pauseHealing(!heal.paused);
      else actions.pauseQuantise(!quantise.paused);
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
