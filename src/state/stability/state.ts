// What the page knows of the calibration study: how stable an order is over other windows.

import type { SourceResult } from '../../contract/criteria.ts';
import type { Progress } from '../../contract/progress.ts';
import type { ScoreResult } from '../../contract/score.ts';
import { flag, listOf, number, oneOf, orNull, shape, text } from '../kept/form.ts';
import { studyResult, taylorRun } from '../kept/forms.ts';
import { joinLists } from '../kept/part.ts';
import { ofModel } from '../slice.ts';

/** What a calibration study is to run: every size with every seed on every text. */
export interface StudyForm {
  /** Numbers of windows. */
  sizes: readonly number[];
  /** How many seeds, from 0 on. */
  seeds: number;
  bundled: boolean;
  /** The text that someone gave, where there is one. */
  own: boolean;
}

/** The criterion whose order is studied. */
export type StudyCriterion = 'ppl' | 'taylor';

export const STUDY_CRITERIA: readonly StudyCriterion[] = ['ppl', 'taylor'];

/** One run of a calibration study of perplexity. */
export interface StudyRunResult {
  /** Key of its settings. */
  key: string;
  /** "50 windows, seed 1, bundled text". */
  label: string;
  result: Pick<ScoreResult, 'blocks' | 'order' | 'settings' | 'seconds'>;
}

/** One of a study of Taylor. */
export interface TaylorRunResult {
  /** As of the others. */
  key: string;
  label: string;
  result: Required<Pick<SourceResult<'taylor'>, 'data' | 'settings' | 'seconds'>>;
}

export interface StabilitySlice {
  criterion: StudyCriterion;
  form: StudyForm;
  /** The run under way, from 0 on, of how many. */
  running: { at: number; of: number; label: string } | null;
  /** Of that run; seconds left are those of the whole study. */
  progress: Progress | null;
  /** Those of perplexity. */
  runs: readonly StudyRunResult[];
  taylorRuns: readonly TaylorRunResult[];
  /** Blocks that are counted as the lowest; null = as many as the plan removes. */
  k: number | null;
}

export const STABILITY = ofModel<StabilitySlice>(
  {
    criterion: 'ppl',
    form: { sizes: [10], seeds: 3, bundled: true, own: true },
    running: null,
    progress: null,
    runs: [],
    taylorRuns: [],
    k: null,
  },
  (slice) => ({ ...slice, running: null, progress: null }),
  {
    version: 1,
    isMeasured: true,
    fields: {
      criterion: { is: oneOf(...STUDY_CRITERIA), later: true },
      form: {
        is: shape<StudyForm>({ sizes: listOf(number), seeds: number, bundled: flag, own: flag }),
      },
      runs: {
        is: listOf(shape<StudyRunResult>({ key: text, label: text, result: studyResult })),
        join: joinLists(({ key }) => key, false),
      },
      taylorRuns: {
        is: listOf(shape<TaylorRunResult>({ key: text, label: text, result: taylorRun })),
        join: joinLists(({ key }) => key, false),
        later: true,
      },
      k: { is: orNull(number) },
    },
    count: ({ runs = [], taylorRuns = [] }) => runs.length + taylorRuns.length,
  },
);
