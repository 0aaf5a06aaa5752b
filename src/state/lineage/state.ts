// What the page knows of the open folder beside others of its lineage: those that were made from
// each other, or from the same source.

import type { Progress } from '../../contract/progress.ts';
import { listOf, number, shape } from '../kept/form.ts';
import { windows } from '../kept/forms.ts';
import { joinLists } from '../kept/part.ts';
import { ofModel } from '../slice.ts';

/** Perplexity of the folder as it is, on windows that another one was scored on. */
export interface OwnMeasure {
  windows: readonly (readonly number[])[];
  /** Mean NLL in nats per token. */
  nll: number;
}

export interface LineageSlice {
  running: boolean;
  progress: Progress | null;
  /** The newest last. */
  measured: readonly OwnMeasure[];
}

/** Windows take place. */
export const MOST_MEASURED = 4;

export const LINEAGE = ofModel<LineageSlice>(
  { running: false, progress: null, measured: [] },
  (slice) => ({ ...slice, running: false, progress: null }),
  {
    version: 1,
    isMeasured: true,
    fields: {
      measured: {
        is: listOf(shape<OwnMeasure>({ windows, nll: number })),
        join: joinLists((one: OwnMeasure) => one.windows.join('|'), false, MOST_MEASURED),
      },
    },
    count: ({ measured }) => measured?.length ?? 0,
  },
);
