// Everything a person can do as data: one list for buttons, shortcuts, the help page and tests.
// Must not hold logic beyond "may I now".

import { whyNoEvaluating } from './evaluate/selectors.ts';
import { whyNoGenerating } from './generate/actions.ts';
import { engineJob } from './jobs.ts';
import { canScoreSublayers } from './score/sublayerSelectors.ts';
import { whyNoSearch } from './search/selectors.ts';
import { canScore, settingsChanged } from './selectors.ts';
import { whyNoMeasuring } from './speed/actions.ts';
import { meterUse } from './speed/metering.ts';
import { whyNoStudy } from './stability/selectors.ts';
import type { StudioState } from './state.ts';
import type { Actions } from './store.ts';

export type CommandId =
  | 'sample'
  | 'open'
  | 'score'
  | 'score-parts'
  | 'compare-criteria'
  | 'stability'
  | 'search'
  | 'pause'
  | 'evaluate'
  | 'interop'
  | 'cancel'
  | 'undo'
  | 'redo'
  | 'keep-all'
  | 'protect-ends'
  | 'settings'
  | 'export'
  | 'measure'
  | 'measure-paper'
  | 'sweep'
  | 'generate'
  | 'device'
  | 'help';

export interface Command {
  id: CommandId;
  label: string;
  /** Key bindings in tinykeys' notation; the first one is shown. */
  keys: readonly string[];
  enabled(state: StudioState): boolean;
  run(actions: Actions, state: StudioState): void;
}

const isOpen = (state: StudioState) => state.model.current !== null;
const isIdle = (state: StudioState) => engineJob(state) === null && state.model.opening === null;
const isBusy = (state: StudioState) => engineJob(state) !== null || state.effect.progress !== null;
const isMeasurable = (state: StudioState) => whyNoMeasuring(state) === '';

export const COMMANDS: readonly Command[] = [
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
    id: 'score',
    label: 'Score blocks',
    keys: ['s'],
    enabled: (state) => isIdle(state) && canScore(state),
    run: (actions) => void actions.score(),
  },
  {
    id: 'score-parts',
    label: 'Score parts of blocks',
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
    enabled: (state) => whyNoStudy(state) === '',
    run: (actions) => void actions.studyStability(),
  },
  {
    id: 'search',
    label: 'Start the iterative search',
    keys: ['i'],
    enabled: (state) => whyNoSearch(state) === '',
    run: (actions) => void actions.search(),
  },
  {
    id: 'pause',
    label: 'Pause the search or go on',
    keys: ['h'],
    enabled: (state) => state.search.running,
    run: (actions, state) => actions.pauseSearch(!state.search.paused),
  },
  {
    id: 'evaluate',
    label: 'Evaluate on a text',
    keys: ['v'],
    enabled: (state) => whyNoEvaluating(state) === '',
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
    id: 'protect-ends',
    label: 'Protect first 4 and last 2',
    keys: ['p'],
    enabled: isOpen,
    run: (actions, state) => actions.protectEnds(!endsProtected(state)),
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
      isOpen(state) && [null, 'export'].includes(engineJob(state)) && state.model.opening === null,
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
    id: 'generate',
    label: 'Generate side by side',
    keys: ['g'],
    enabled: (state) => whyNoGenerating(state) === '',
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
    id: 'device',
    label: 'Device and self-test',
    keys: ['d'],
    enabled: (state) => state.device.report !== null,
    run: (actions) => actions.openDialog('device'),
  },
  {
    id: 'help',
    label: 'Keyboard and help',
    keys: ['?', 'Shift+?'],
    enabled: () => true,
    run: (actions) => actions.openDialog('help'),
  },
];

export function command(id: CommandId): Command {
  return COMMANDS.find((one) => one.id === id)!;
}

/** True when the first 4 and the last 2 blocks are all locked. */
export function endsProtected(state: StudioState): boolean {
  const n = state.model.current?.summary.numBlocks ?? 0;
  const { locked } = state.plan.present;
  return (
    n > 0 &&
    [0, 1, 2, 3, n - 2, n - 1].every((block) => block < 0 || block >= n || locked.includes(block))
  );
}

/** The sample is scored at once: from one click to a live curve. */
async function trySample(actions: Actions): Promise<void> {
  if (await actions.openSample()) await actions.score();
}

/** The one primary button of the present state. */
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
