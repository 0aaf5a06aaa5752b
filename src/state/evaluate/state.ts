// What the page knows of evaluations: what to run, what runs, what came out.

import type {
  EvaluateRequest,
  EvaluateResult,
  PageEvaluateRequest,
} from '../../contract/evaluate.ts';
import type { Progress } from '../../contract/progress.ts';
import { flag, listOf, orNull, shape } from '../kept/form.ts';
import { evaluateResult, texts } from '../kept/forms.ts';
import { joinLists } from '../kept/part.ts';
import type { Slice } from '../slice.ts';
import { variantKey } from '../variants/names.ts';

/** What an evaluation is to run on, as typed. */
export interface EvaluateForm {
  text: EvaluateRequest['text'];
  /** `paper`: 128 tokens without overlap; `long`: the fields below. */
  protocol: 'paper' | 'long';
  /** Tokens of a long segment; null = as many as the model takes. */
  segment: number | null;
  /** Tokens from one long segment to the next; null = half a segment. */
  stride: number | null;
  bos: EvaluateRequest['bos'];
  /** Segments, from the start of the text; null = all. */
  maxSegments: number | null;
}

/** A finished evaluation, or as far as it came. */
export interface Evaluated {
  result: EvaluateResult;
  /** False when it was stopped or failed before all segments that were asked for. */
  whole: boolean;
  /** What the engine remarked. */
  notes: readonly string[];
}

export interface EvaluateSlice {
  form: EvaluateForm;
  /** What runs, with the numbers so far. */
  running: {
    request: PageEvaluateRequest;
    partial: EvaluateResult | null;
    notes: readonly string[];
  } | null;
  progress: Progress | null;
  /** The last one; of another plan when its `removed` differ from the plan's. */
  shown: Evaluated | null;
  /** All of this model, newest first: one for each plan, text and protocol. */
  results: readonly Evaluated[];
}

const first: EvaluateSlice = {
  form: {
    text: { kind: 'bundled' },
    protocol: 'paper',
    segment: null,
    stride: null,
    bos: null,
    maxSegments: null,
  },
  running: null,
  progress: null,
  shown: null,
  results: [],
};

const evaluated = shape<Evaluated>({ result: evaluateResult, whole: flag, notes: texts });

/** What makes two results of the same thing: plan, text and protocol. */
export function evaluationKey(result: EvaluateResult): string {
  const { removed, healing, text, segment, stride, bos } = result;
  return [variantKey(removed, healing), text.sha256, segment, stride, bos].join('|');
}

/** Earlier results that are kept. */
export const MOST_EVALUATIONS = 50;

export const EVALUATE: Slice<EvaluateSlice> = {
  first,
  keep: (slice, opened) =>
    opened === 'same-model'
      ? { ...slice, running: null, progress: null }
      : { ...first, form: { ...slice.form, segment: null, stride: null } },
  kept: {
    version: 1,
    isMeasured: true,
    fields: {
      shown: { is: orNull(evaluated) },
      results: {
        is: listOf(evaluated),
        join: joinLists(({ result }) => evaluationKey(result), true, MOST_EVALUATIONS),
      },
    },
    count: ({ results = [] }) => results.length,
  },
};
