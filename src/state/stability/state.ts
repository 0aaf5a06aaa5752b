// What the page knows of the calibration study: how stable an order is over other windows.

import type { Progress } from '../../contract/progress.ts';
import type { ScoreResult } from '../../contract/score.ts';
import { flag, listOf, number, orNull, shape, text } from '../kept/form.ts';
import { studyResult } from '../kept/forms.ts';
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

/** One run of a calibration study. */
export interface StudyRunResult {
  /** Key of its settings. */
  key: string;
  /** "50 windows, seed 1, bundled text". */
  label: string;
  result: Pick<ScoreResult, 'blocks' | 'order' | 'settings' | 'seconds'>;
}

export interface StabilitySlice {
  form: StudyForm;
  /** The run under way, from 0 on, of how many. */
  running: { at: number; of: number; label: string } | null;
  /** Of that run; seconds left are those of the whole study. */
  progress: Progress | null;
  runs: readonly StudyRunResult[];
  /** Blocks that are counted as the lowest; null = as many as the plan removes. */
  k: number | null;
}

export const STABILITY = ofModel<StabilitySlice>(
  {
    form: { sizes: [10], seeds: 3, bundled: true, own: true },
    running: null,
    progress: null,
    runs: [],
    k: null,
  },
  (slice) => ({ ...slice, running: null, progress: null }),
  {
    version: 1,
    isMeasured: true,
    fields: {
      form: {
        is: shape<StudyForm>({ sizes: listOf(number), seeds: number, bundled: flag, own: flag }),
      },
      runs: {
        is: listOf(shape<StudyRunResult>({ key: text, label: text, result: studyResult })),
        join: joinLists(({ key }) => key, false),
      },
      k: { is: orNull(number) },
    },
    count: ({ runs = [] }) => runs.length,
  },
);
