// What the page knows of the live effect: the perplexity of the plan.

import type { PlanResult } from '../../contract/plan.ts';
import type { Progress } from '../../contract/progress.ts';
import { mapOf, orNull, shape, text } from '../kept/form.ts';
import { planResult } from '../kept/forms.ts';
import { joinMaps } from '../kept/part.ts';
import { ofModel } from '../slice.ts';

export interface EffectSlice {
  /** Key of the plan whose perplexity was asked for, or null. */
  asked: string | null;
  /** Of a plan with the weights of the source: stale when its key is not `prunedKey`. */
  shown: { key: string; result: PlanResult } | null;
  progress: Progress | null;
  /** Measured plans of the current curve by key: going back costs nothing. */
  known: ReadonlyMap<string, PlanResult>;
}

export const EFFECT = ofModel<EffectSlice>(
  { asked: null, shown: null, progress: null, known: new Map() },
  (slice) => ({ ...slice, asked: null, progress: null }),
  {
    version: 1,
    isMeasured: false,
    fields: {
      shown: {
        is: orNull(shape<NonNullable<EffectSlice['shown']>>({ key: text, result: planResult })),
      },
      known: { is: mapOf(planResult), join: joinMaps },
    },
    count: ({ known }) => known?.size ?? 0,
  },
);
