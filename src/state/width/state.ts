// What the page knows of width against depth: the comparison that runs, and the last one.

import type { WidthOutcome, WidthRequest } from '../../contract/comparison/width.ts';
import type { UsedDevice } from '../../contract/device.ts';
import type { PlanResult } from '../../contract/plan.ts';
import type { Progress } from '../../contract/progress.ts';
import type { Measure } from '../../contract/score.ts';
import type { ComparedSide, SpeedComparison } from '../../contract/speed.ts';
import type { BlockCut, WidthMethod, WidthPlan } from '../../model/width/types.ts';
import type { Unit } from '../../units.ts';
import { flag, listOf, maybe, number, oneOf, orNull, shape, text } from '../kept/form.ts';
import {
  blocks,
  device,
  measure,
  planResult,
  speedComparison,
  texts,
  units,
} from '../kept/forms.ts';
import { ofModel } from '../slice.ts';

export interface WidthForm {
  /** Numbers of channels are rounded to multiples of this; null = what suits the model. */
  multiple: number | null;
  flapVariance: WidthRequest['flapVariance'];
}

/** An outcome without the scores of its groups and channels, of which a large model has many. */
export type WidthFound = Omit<WidthOutcome, 'scores'>;

/** The depth plan that width is held against. */
export interface ComparedDepth {
  removed: readonly Unit[];
  /** The current plan, or the lowest blocks of the current order. */
  from: 'plan' | 'order';
  /** It is what the current order removes at its size. */
  isOnOrder: boolean;
  /** Weights that go with it: as many go in width. */
  removedWeights: number;
}

/** A comparison, whole or as far as it came. */
export interface WidthComparison {
  /** Of the curve on whose windows all of it was measured. */
  curve: number;
  multiple: number;
  flapVariance: WidthRequest['flapVariance'];
  baseline: Measure;
  depth: ComparedDepth;
  /** Depth plans of several sizes, that of the comparison among them; as far as measured. */
  plans: readonly PlanResult[];
  outcomes: readonly WidthFound[];
  device: UsedDevice | null;
  notes: readonly string[];
  /** Null where speeds were not measured; sides by the ids of rows. */
  speeds: SpeedComparison | null;
  /** False where it was stopped, or a part failed. */
  whole: boolean;
}

/** One that runs. */
export interface RunningWidth {
  /** `score`: the curve, which is another job. */
  stage: 'score' | 'width' | 'depth' | 'speed';
  outcomes: readonly WidthFound[];
  plans: readonly PlanResult[];
  /** Speeds as they come. */
  sides: readonly ComparedSide[];
  arranged: SpeedComparison['arranged'];
  /** On which the speeds are measured. */
  speedDevice: UsedDevice | null;
  notes: readonly string[];
}

export interface WidthSlice {
  form: WidthForm;
  running: RunningWidth | null;
  progress: Progress | null;
  shown: WidthComparison | null;
  /** The batch size whose speeds are drawn. */
  batch: number;
}

const first: WidthSlice = {
  form: { multiple: null, flapVariance: 'formula' },
  running: null,
  progress: null,
  shown: null,
  batch: 1,
};

export const METHODS: readonly WidthMethod[] = ['wanda-sp', 'flap', 'llm-pruner'];

const method = oneOf<WidthMethod>(...METHODS);

const isFloats = ((value: unknown) => value instanceof Float32Array) as (
  value: unknown,
) => value is Float32Array;

const widthPlan = shape<WidthPlan>({
  method,
  ratio: number,
  multiple: number,
  blocks: listOf(
    shape<BlockCut>({
      groups: blocks,
      channels: blocks,
      attentionBias: orNull(isFloats),
      feedForwardBias: orNull(isFloats),
    }),
  ),
});

const comparison = shape<WidthComparison>({
  curve: number,
  multiple: number,
  flapVariance: oneOf('formula', 'as-run'),
  baseline: measure,
  depth: shape<ComparedDepth>({
    removed: units,
    from: oneOf('plan', 'order'),
    isOnOrder: flag,
    removedWeights: number,
  }),
  plans: listOf(planResult),
  outcomes: listOf(
    shape<WidthFound>({
      method,
      plan: widthPlan,
      compensatedPlan: orNull(widthPlan),
      measure,
      compensated: orNull(measure),
      removedWeights: number,
      totalWeights: number,
      equalLayers: flag,
      exportObstacle: maybe(orNull(text)),
    }),
  ),
  device: orNull(device),
  notes: texts,
  speeds: orNull(speedComparison),
  whole: flag,
});

export const WIDTH = ofModel(first, (slice) => ({ ...slice, running: null, progress: null }), {
  version: 1,
  isMeasured: true,
  fields: { shown: { is: orNull(comparison) } },
  count: ({ shown }) => (shown ? 1 : 0),
});
