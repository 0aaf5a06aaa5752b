// The two tables that the store follows: its slices, and the jobs that have the engine to
// themselves. The state, its first value and what opening a model leaves of it derive from them.

import type { Interrupted } from '../contract/interrupted.ts';
import type { Progress } from '../contract/progress.ts';
import type { ErrorReport } from '../errors.ts';
import { CRITERIA_SLICE } from './criteria/state.ts';
import { DEVICE } from './device/state.ts';
import { DRAFTS } from './drafts/state.ts';
import { EFFECT } from './effect/state.ts';
import { ESTIMATE } from './estimate/state.ts';
import { EVALUATE } from './evaluate/state.ts';
import { EXPORT } from './export/state.ts';
import { GENERATE } from './generate/state.ts';
import { GOAL } from './goal/state.ts';
import { HEAL } from './heal/state.ts';
import { INTEROP } from './interop/state.ts';
import { INTERRUPTED } from './interrupted/state.ts';
import type { AnyPart } from './kept/part.ts';
import { KEPT } from './kept/state.ts';
import { LINEAGE } from './lineage/state.ts';
import { MODEL } from './open/state.ts';
import { PLAN } from './plan/state.ts';
import { QUANTISE } from './quantise/state.ts';
import { RECENTS } from './recents/state.ts';
import { SCORE } from './score/state.ts';
import { SEARCH } from './search/state.ts';
import { SITE } from './site/state.ts';
import type { Opened, Slice } from './slice.ts';
import { SPEED } from './speed/state.ts';
import { STABILITY } from './stability/state.ts';
import { SUBLAYERS } from './sublayers/state.ts';
import { TASKS } from './tasks/state.ts';
import { VARIANTS } from './variants/state.ts';
import { VERDICT } from './verdict/state.ts';
import { VIEW } from './view/state.ts';
import { WIDTH } from './width/state.ts';

/** Every slice but the errors, whose places the jobs decide. */
const SLICES = {
  model: MODEL,
  device: DEVICE,
  score: SCORE,
  sublayers: SUBLAYERS,
  criteria: CRITERIA_SLICE,
  stability: STABILITY,
  search: SEARCH,
  estimate: ESTIMATE,
  heal: HEAL,
  quantise: QUANTISE,
  evaluate: EVALUATE,
  tasks: TASKS,
  drafts: DRAFTS,
  interop: INTEROP,
  interrupted: INTERRUPTED,
  plan: PLAN,
  effect: EFFECT,
  speed: SPEED,
  width: WIDTH,
  goal: GOAL,
  generate: GENERATE,
  variants: VARIANTS,
  verdict: VERDICT,
  export: EXPORT,
  lineage: LINEAGE,
  kept: KEPT,
  recents: RECENTS,
  site: SITE,
  view: VIEW,
} satisfies Record<string, { first: unknown; keep(slice: never, opened: Opened): unknown }>;

type Slices = { [K in keyof typeof SLICES]: (typeof SLICES)[K]['first'] };

/** What of which slices is kept with its model between visits, as they declare it. */
export const KEPT_PARTS: readonly (readonly [name: string, part: AnyPart])[] = Object.entries(
  SLICES as Record<string, { kept?: unknown }>,
).flatMap(([name, { kept }]) => (kept ? [[name, kept as AnyPart] as const] : []));

export type Share = Pick<Progress, 'done' | 'total'>;

/** A long job that has the engine to itself, as the whole page speaks of it. */
interface JobSpec {
  /** In the title of the page and of notifications. */
  title: string;
  /** In the middle of a sentence: "after the search". */
  name: string;
  /** Why others must wait. */
  busy: string;
  /** Where its errors are shown. */
  place: string;
  runs(state: Slices): boolean;
  /** What it does now, with the time left; null while nothing is known. */
  progress(state: Slices): Progress | null;
  /** How far it is; null while it prepares. */
  share(state: Slices): Share | null;
  /** The command that runs it again after an error; null where there is no such single click. */
  again: { command: string; label: string } | null;
  /** After memory ran out, it can be run again with half the memory. */
  takesLessMemory: boolean;
  /** What its checkpoints are stored under; null when it cannot be resumed. */
  checkpoint: Interrupted['job'] | null;
  /** Leaving the page loses so much work that it is asked about first. */
  isLostOnLeaving: boolean;
}

/** Phases that are the job itself, not its preparation. */
const SHARED: readonly Progress['phase'][] = ['score', 'write'];

const shareOf = (progress: Progress | null): Share | null =>
  progress && SHARED.includes(progress.phase) ? progress : null;

export const JOBS = {
  score: {
    title: 'Scoring',
    name: 'scoring',
    busy: 'Blocks are being scored.',
    place: 'score',
    runs: ({ score }) => score.running !== null,
    progress: ({ score }) => score.progress,
    share: ({ score }) => shareOf(score.progress),
    again: { command: 'score', label: 'Score again' },
    takesLessMemory: true,
    checkpoint: 'score',
    isLostOnLeaving: false,
  },
  sublayers: {
    title: 'Scoring sublayers',
    name: 'scoring of sublayers',
    busy: 'Sublayers are being scored.',
    place: 'sublayers',
    runs: ({ sublayers }) => sublayers.running !== null,
    progress: ({ sublayers }) => sublayers.progress,
    share: ({ sublayers }) => shareOf(sublayers.progress),
    again: { command: 'score-sublayers', label: 'Score sublayers again' },
    takesLessMemory: true,
    checkpoint: 'parts',
    isLostOnLeaving: false,
  },
  criteria: {
    title: 'Comparing criteria',
    name: 'the comparison of criteria',
    busy: 'Criteria are being computed.',
    place: 'criteria',
    runs: ({ criteria }) => criteria.running !== null,
    progress: ({ criteria }) => criteria.progress,
    // Reading the weights is the job, not its preparation.
    share: ({ criteria }) => criteria.progress,
    again: { command: 'compare-criteria', label: 'Compare again' },
    takesLessMemory: false,
    checkpoint: 'taylor',
    isLostOnLeaving: false,
  },
  stability: {
    title: 'Running the calibration study',
    name: 'the calibration study',
    busy: 'A calibration study is running.',
    place: 'stability',
    runs: ({ stability }) => stability.running !== null,
    progress: ({ stability }) => stability.progress,
    share({ stability: { running, progress } }) {
      const share = shareOf(progress);
      return (
        running &&
        share && { done: running.at + share.done / Math.max(1, share.total), total: running.of }
      );
    },
    again: { command: 'stability', label: 'Continue the study' },
    takesLessMemory: false,
    checkpoint: null,
    isLostOnLeaving: true,
  },
  search: {
    title: 'Searching',
    name: 'the search',
    busy: 'A search is running.',
    place: 'search',
    runs: ({ search }) => search.running,
    progress: ({ search }) => search.progress,
    share: ({ search }) => shareOf(search.progress),
    again: { command: 'search', label: 'Search again' },
    takesLessMemory: true,
    checkpoint: 'search',
    isLostOnLeaving: false,
  },
  paths: {
    title: 'Measuring plans',
    name: 'the measurement of one-shot paths',
    busy: 'Plans are being measured.',
    place: 'search',
    runs: ({ search }) => search.measuring !== null,
    progress: () => null,
    share: ({ search }) => search.measuring,
    again: null,
    takesLessMemory: false,
    checkpoint: null,
    isLostOnLeaving: false,
  },
  evaluate: {
    title: 'Evaluating',
    name: 'the evaluation',
    busy: 'A text is being evaluated.',
    place: 'evaluate',
    runs: ({ evaluate }) => evaluate.running !== null,
    progress: ({ evaluate }) => evaluate.progress,
    share: ({ evaluate }) => shareOf(evaluate.progress),
    again: { command: 'evaluate', label: 'Evaluate again' },
    takesLessMemory: true,
    checkpoint: null,
    isLostOnLeaving: true,
  },
  heal: {
    title: 'Healing',
    name: 'the healing',
    busy: 'A plan is being healed.',
    place: 'heal',
    runs: ({ heal }) => heal.running !== null,
    progress: ({ heal }) => heal.progress,
    share: ({ heal }) => shareOf(heal.progress),
    again: { command: 'heal', label: 'Heal again' },
    takesLessMemory: true,
    checkpoint: 'heal',
    isLostOnLeaving: false,
  },
  quantise: {
    title: 'Quantising',
    name: 'the quantisation',
    busy: 'A plan is being quantised.',
    place: 'quantise',
    runs: ({ quantise }) => quantise.running !== null,
    progress: ({ quantise }) => quantise.progress,
    share: ({ quantise }) => shareOf(quantise.progress),
    again: { command: 'quantise', label: 'Quantise again' },
    takesLessMemory: true,
    checkpoint: 'quantise',
    isLostOnLeaving: false,
  },
  tasks: {
    title: 'Answering tasks',
    name: 'the run of tasks',
    busy: 'Tasks are being answered.',
    place: 'tasks',
    runs: ({ tasks }) => tasks.running !== null,
    progress: ({ tasks }) => tasks.progress,
    share: ({ tasks }) => shareOf(tasks.progress),
    again: { command: 'tasks', label: 'Run again' },
    takesLessMemory: true,
    checkpoint: 'tasks',
    isLostOnLeaving: false,
  },
  width: {
    title: 'Comparing width with depth',
    name: 'the comparison of width with depth',
    busy: 'Width is being compared with depth.',
    place: 'width',
    runs: ({ width: { running } }) => running?.stage === 'width' || running?.stage === 'depth',
    progress: ({ width }) => width.progress,
    share: ({ width }) => shareOf(width.progress),
    again: { command: 'compare-width', label: 'Compare again' },
    takesLessMemory: true,
    checkpoint: null,
    isLostOnLeaving: true,
  },
  lineage: {
    title: 'Measuring perplexity',
    name: 'the measurement of perplexity',
    busy: 'Perplexity is being measured.',
    place: 'lineage',
    runs: ({ lineage }) => lineage.running,
    progress: ({ lineage }) => lineage.progress,
    share: ({ lineage }) => shareOf(lineage.progress),
    again: null,
    takesLessMemory: false,
    checkpoint: null,
    isLostOnLeaving: false,
  },
  forms: {
    title: 'Measuring both forms',
    name: 'the measurement of both forms',
    busy: 'Both forms of a healing are being measured.',
    place: 'export',
    runs: (state) => state.export.forms.running,
    progress: (state) => state.export.forms.progress,
    share: (state) => shareOf(state.export.forms.progress),
    again: null,
    takesLessMemory: false,
    checkpoint: null,
    isLostOnLeaving: false,
  },
  export: {
    title: 'Exporting',
    name: 'the export',
    busy: 'An export is running.',
    place: 'export',
    runs: ({ export: { running } }) => running,
    progress: (state) => state.export.progress,
    share: ({ export: { progress } }) => shareOf(progress),
    // It starts in its dialog, which offers it again.
    again: null,
    takesLessMemory: false,
    checkpoint: null,
    isLostOnLeaving: true,
  },
} as const satisfies Record<string, JobSpec>;

export type EngineJob = keyof typeof JOBS;

/** Where errors are shown that belong to no engine job. */
export type OtherPlace =
  | 'open'
  | 'device'
  | 'plan'
  | 'restore'
  | 'speed'
  | 'goal'
  | 'interop'
  | 'generate';

/** What an error belongs to, and so where it is shown. */
export type ErrorPlace = (typeof JOBS)[EngineJob]['place'] | OtherPlace;

export interface StudioState extends Slices {
  errors: { readonly [P in ErrorPlace]?: ErrorReport };
}

/** The slices, each as `make` makes it. */
function slicesBy(make: (slice: Slice<unknown>, name: keyof Slices) => unknown): Slices {
  const names = Object.keys(SLICES) as (keyof Slices)[];
  const values = names.map((name) => [name, make(SLICES[name] as Slice<unknown>, name)]);
  return Object.fromEntries(values) as Slices;
}

export function firstState(): StudioState {
  return { ...slicesBy(({ first }) => first), errors: {} };
}

/** What is left of the state when a model was opened. */
export function afterOpening(state: StudioState, opened: Opened): StudioState {
  return { ...slicesBy(({ keep }, name) => keep(state[name], opened)), errors: {} };
}
