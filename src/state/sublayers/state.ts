// What the page knows of the scores of attention and feed-forward.

import type { Progress } from '../../contract/progress.ts';
import type { Measure, SublayerScore, SublayersResult } from '../../contract/score.ts';
import { oneOf, orNull } from '../kept/form.ts';
import { sublayersResult } from '../kept/forms.ts';
import { ofModel } from '../slice.ts';

/** Scores of sublayers while they come. */
export interface GrowingSublayers {
  baseline: Measure | null;
  parts: readonly SublayerScore[];
  notes: readonly string[];
}

export interface SublayersSlice {
  /** What the importance chart shows and "remove the lowest" takes. */
  view: 'blocks' | 'sublayers';
  running: GrowingSublayers | null;
  progress: Progress | null;
  /** Shown beside the curve of the same windows only. */
  result: SublayersResult | null;
}

export const SUBLAYERS = ofModel<SublayersSlice>(
  { view: 'blocks', running: null, progress: null, result: null },
  (slice) => ({ ...slice, running: null, progress: null }),
  {
    version: 1,
    isMeasured: true,
    fields: {
      view: { is: oneOf('blocks', 'sublayers') },
      result: { is: orNull(sublayersResult) },
    },
    count: ({ result }) => (result ? 1 : 0),
  },
);
