// What the page knows of criteria beside each other.

import {
  CRITERIA,
  type CriterionName,
  type MeasuredSource,
  type SourceData,
} from '../../analysis/criteriaTable.ts';
import type { SourceResult } from '../../contract/criteria.ts';
import type { Progress } from '../../contract/progress.ts';
import type { MemoryEstimate } from '../../contract/score.ts';
import {
  type Form,
  flag,
  listOf,
  maybe,
  number,
  oneOf,
  orNull,
  shape,
  text,
} from '../kept/form.ts';
import { SOURCE_FORMS } from '../kept/forms.ts';
import { ofModel } from '../slice.ts';

/** A source, measured, as far as it is known; a row for each. */
type MeasuredSources = {
  readonly [S in MeasuredSource]?: {
    /** Id of the curve on whose windows it was measured; null when there was none. */
    curve: number | null;
    result: SourceResult<S>;
  };
};

/** What the gradients of the open model would take on the windows of these settings. */
export interface Gradients {
  /** Key of settings and memory budget. */
  key: string;
  /** Null where the model has none. */
  memory: MemoryEstimate | null;
  /** Why they cannot be taken, in sentences; null where they can. */
  obstacle: string | null;
}

/** What orders blocks: a criterion, the calibration study, or an order that another tool wrote. */
export type OrderName = CriterionName | 'study' | 'file-order';

export interface CriteriaSlice {
  /** The source that is being measured. */
  running: MeasuredSource | null;
  progress: Progress | null;
  /** What gradients of the model would take; null until it was asked for. */
  gradients: Gradients | null;
  /** Someone asked to see the criteria beside each other. */
  compared: boolean;
  /** Sources of criteria that were measured; hidden states may also have come with the curve. */
  measured: MeasuredSources;
  /** Drawn, in the chart of criteria and as one-shot paths. */
  shown: readonly CriterionName[];
  /** Ranks of all that are shown, or one criterion on its own axis. */
  view: 'ranks' | CriterionName;
  /** Magnitude includes norm weights. */
  norms: boolean;
  /** Contiguous blocks n of the angular distance. */
  span: number;
  /** Name of the order by which the lowest blocks are removed, while it is known. */
  orderBy: string;
}

const first: CriteriaSlice = {
  running: null,
  progress: null,
  gradients: null,
  compared: false,
  measured: {},
  shown: CRITERIA.map(({ name }) => name),
  view: 'ranks',
  norms: false,
  span: 1,
  orderBy: 'ppl',
};

const NAMES = oneOf(...CRITERIA.map(({ name }) => name));

/** A source that is not measured is missing. */
const sourceOf = (data: Form<SourceData[MeasuredSource]>) =>
  maybe(
    shape<NonNullable<MeasuredSources[MeasuredSource]>>({
      curve: orNull(number),
      result: shape<SourceResult>({ data, warnings: maybe(listOf(text)) }),
    } as never),
  );

export const CRITERIA_SLICE = ofModel<CriteriaSlice>(
  first,
  (slice) => ({ ...slice, running: null, progress: null }),
  {
    version: 1,
    isMeasured: true,
    fields: {
      compared: { is: flag },
      measured: {
        is: shape<MeasuredSources>(
          Object.fromEntries(
            Object.entries(SOURCE_FORMS).map(([source, data]) => [source, sourceOf(data)]),
          ) as never,
        ),
        join: (_, own, stored) => ({ ...stored, ...own }),
      },
      shown: { is: listOf(NAMES) },
      view: { is: oneOf<CriteriaSlice['view']>('ranks', ...CRITERIA.map(({ name }) => name)) },
      norms: { is: flag },
      span: { is: number },
      orderBy: { is: text },
    },
    count: ({ measured = {} }) => Object.keys(measured).length,
  },
);
