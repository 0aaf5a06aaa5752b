// What the page knows of the iterative search and of the one-shot paths beside it.

import type { UsedDevice } from '../../contract/device.ts';
import type { PlanResult } from '../../contract/plan.ts';
import type { Progress } from '../../contract/progress.ts';
import type { Measure } from '../../contract/score.ts';
import type { SearchRequest, SearchResult, SearchStep } from '../../contract/search.ts';
import type { OrderName } from '../criteria/state.ts';
import { flag, listOf, mapOf, number, oneOf, orNull, shape, text } from '../kept/form.ts';
import {
  blocks,
  device,
  measure,
  planResult,
  scoreSettings,
  searchStep,
  texts,
  units,
  windows,
} from '../kept/forms.ts';
import { joinMaps } from '../kept/part.ts';
import { ofModel } from '../slice.ts';

/** What gives the plans of a path: an order, all at once, or the search, one at a time. */
export type PathName = OrderName | 'iterative';

/** What an iterative search is to do, as typed; it ends at whichever comes first. */
export interface SearchForm {
  /** Blocks to remove, at most; null = all that can be removed. */
  count: number | null;
  /** Perplexity that must not be passed; null = no bound. */
  maxPpl: number | null;
  /** Continues from the plan instead of from the whole model. */
  fromPlan: boolean;
}

/** An iterative search, whole or as far as it came. */
export interface SearchPath {
  request: SearchRequest;
  /** Key of its settings. */
  settingsKey: string;
  /** Null while unknown: it was asked for without a curve and has not ended. */
  windows: number[][] | null;
  device: UsedDevice | null;
  /** Before anything was removed. */
  baseline: Measure | null;
  steps: readonly SearchStep[];
  /** Steps that an earlier, interrupted run had done. */
  resumedSteps: number;
  /** Candidates of the step that runs, as they were scored. */
  candidates: readonly { block: number; nll: number }[];
  notes: readonly string[];
  /** How it ended; null while it runs. */
  ended: SearchResult['stoppedBy'] | 'cancelled' | 'failed' | null;
  seconds: number | null;
  costRatio: number | null;
}

export interface SearchSlice {
  form: SearchForm;
  running: boolean;
  paused: boolean;
  progress: Progress | null;
  /** The last search, or the one that runs. */
  path: SearchPath | null;
  /** Plans of one-shot paths that are being measured. */
  measuring: { done: number; total: number } | null;
  /** Plans measured for paths, by the key that `effectKey` gives them. */
  measured: ReadonlyMap<string, PlanResult>;
}

/** A search that did not end can be continued, but not from here. */
const ended = (path: SearchPath): SearchPath => ({
  ...path,
  ended: path.ended ?? 'cancelled',
  candidates: [],
});

const searchPath = shape<SearchPath>({
  request: shape<SearchRequest>({
    settings: scoreSettings,
    start: units,
    locked: blocks,
    count: number,
    maxPpl: orNull(number),
  }),
  settingsKey: text,
  windows: orNull(windows),
  device: orNull(device),
  baseline: orNull(measure),
  steps: listOf(searchStep),
  resumedSteps: number,
  candidates: listOf(shape<SearchPath['candidates'][number]>({ block: number, nll: number })),
  notes: texts,
  ended: oneOf('count', 'bound', 'locks', 'cancelled', 'failed'),
  seconds: orNull(number),
  costRatio: orNull(number),
});

export const SEARCH = ofModel<SearchSlice>(
  {
    form: { count: 4, maxPpl: null, fromPlan: false },
    running: false,
    paused: false,
    progress: null,
    path: null,
    measuring: null,
    measured: new Map(),
  },
  (slice) => ({
    ...slice,
    running: false,
    paused: false,
    progress: null,
    path: slice.path && ended(slice.path),
    measuring: null,
  }),
  {
    version: 1,
    isMeasured: true,
    fields: {
      form: {
        is: shape<SearchForm>({ count: orNull(number), maxPpl: orNull(number), fromPlan: flag }),
      },
      path: { is: orNull(searchPath), pack: (path) => path && ended(path) },
      measured: { is: mapOf(planResult), join: joinMaps },
    },
    count: ({ path, measured }) => (path?.steps.length ?? 0) + (measured?.size ?? 0),
  },
);
