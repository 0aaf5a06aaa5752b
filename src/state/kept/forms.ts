// The forms of results of the engine, as far as the page and its charts rely on them.

import type { MeasuredSource, SourceData, TaylorSums } from '../../analysis/criteriaTable.ts';
import type { Stat } from '../../analysis/speed.ts';
import type { SourceResult } from '../../contract/criteria.ts';
import type { UsedDevice } from '../../contract/device.ts';
import type { EvaluatedSide, EvaluateResult } from '../../contract/evaluate.ts';
import type { PlanResult } from '../../contract/plan.ts';
import type {
  BlockScore,
  Measure,
  RecordedSettings,
  ScoreResult,
  ScoreSettings,
  SublayerScore,
  SublayersResult,
  TextSource,
} from '../../contract/score.ts';
import type { SearchStep } from '../../contract/search.ts';
import type {
  ComparedPoint,
  ComparedSide,
  Gain,
  MeasureResult,
  SpeedComparison,
  SpeedSettings,
  SweepPoint,
  SweepResult,
  VariantMeasure,
} from '../../contract/speed.ts';
import type { VariantInfo } from '../../contract/variant.ts';
import { parseUnit, type SublayerUnit, sublayerOf, type Unit } from '../../units.ts';
import {
  either,
  type Form,
  flag,
  listOf,
  maybe,
  number,
  oneOf,
  orNull,
  shape,
  text,
} from './form.ts';

const block = ((value: unknown) =>
  Number.isInteger(value) && (value as number) >= 0) as Form<number>;
const sublayer = ((value: unknown) => {
  const unit = typeof value === 'string' ? parseUnit(value) : null;
  return unit !== null && sublayerOf(unit) !== null;
}) as Form<SublayerUnit>;

export const blocks = listOf(block);
export const units: Form<Unit[]> = listOf(either(block, sublayer));
export const texts = listOf(text);
export const windows = listOf(listOf(number));
export const pair = ((value: unknown) => listOf(number)(value) && value.length === 2) as Form<
  [number, number]
>;

export const device = shape<UsedDevice>({ kind: oneOf('webgpu', 'wasm', 'cpu'), name: text });

export const measure = shape<Measure>({
  nll: number,
  ppl: orNull(number),
  nllPerWindow: listOf(number),
});

const blockScore = shape<BlockScore>({
  index: block,
  nll: number,
  nllPerWindow: listOf(number),
  ci95: pair,
  refused: maybe(text),
});

const recorded = shape<RecordedSettings>({
  text,
  samples: number,
  length: number,
  sampler: oneOf('even', 'random', 'given'),
  seed: number,
  bos: oneOf('none', 'every'),
});

const source: Form<TextSource> = either(
  shape<Extract<TextSource, { kind: 'bundled' }>>({ kind: oneOf('bundled') }),
  either(
    shape<Extract<TextSource, { kind: 'text' }>>({ kind: oneOf('text'), name: text, text }),
    shape<Extract<TextSource, { kind: 'ids' }>>({ kind: oneOf('ids'), name: text, windows }),
  ),
);

export const scoreSettings = shape<ScoreSettings>({
  text: source,
  samples: number,
  length: number,
  sampler: oneOf('even', 'random'),
  seed: number,
  bos: orNull(oneOf('none', 'every')),
  device: oneOf('auto', 'webgpu', 'wasm'),
  budgetBytes: maybe(number),
});

const hidden: SourceForms['hidden'] = shape({
  blockInfluence: listOf(number),
  angular: listOf(listOf(number)),
});

export const scoreResult = shape<ScoreResult>({
  hidden: maybe(hidden),
  baseline: measure,
  blocks: listOf(blockScore),
  order: blocks,
  windows,
  settings: recorded,
  device,
  rewrites: texts,
  warnings: maybe(texts),
  seconds: number,
});

/** What a run of a study keeps of a curve. */
export const studyResult = shape<Pick<ScoreResult, 'blocks' | 'order' | 'settings' | 'seconds'>>({
  blocks: listOf(blockScore),
  order: blocks,
  settings: recorded,
  seconds: number,
});

export const sublayersResult = shape<SublayersResult>({
  baseline: measure,
  parts: listOf(
    shape<SublayerScore>({
      unit: sublayer,
      nll: number,
      nllPerWindow: listOf(number),
      ci95: pair,
    }),
  ),
  order: listOf(sublayer),
  windows,
  settings: recorded,
  device,
  seconds: number,
});

type SourceForms = { readonly [S in MeasuredSource]: Form<SourceData[S]> };

const taylorSums = shape<TaylorSums>({
  block: listOf(number),
  attention: listOf(orNull(number)),
  ffn: listOf(orNull(number)),
});

/** The data of each source that is measured. */
export const SOURCE_FORMS: SourceForms = {
  magnitudes: shape({
    l1: listOf(number),
    l2: listOf(number),
    l1WithNorms: listOf(number),
    l2WithNorms: listOf(number),
  }),
  hidden,
  taylor: shape({ loss: number, linear: taylorSums, withNorms: taylorSums }),
};

/** What a run of a study of Taylor keeps. */
export const taylorRun = shape<
  Required<Pick<SourceResult<'taylor'>, 'data' | 'settings' | 'seconds'>>
>({
  data: SOURCE_FORMS.taylor,
  settings: recorded,
  seconds: number,
});

export const planResult = shape<PlanResult>({
  nll: number,
  ppl: orNull(number),
  nllPerWindow: listOf(number),
  removed: units,
  healing: maybe(text),
  quantised: maybe(text),
});

export const searchStep = shape<SearchStep>({
  block,
  measure,
  candidates: listOf(shape<SearchStep['candidates'][number]>({ block, nll: number })),
  seconds: number,
});

const side = shape<EvaluatedSide>({ nll: number, ppl: orNull(number), ci95: pair });

export const evaluateResult = shape<EvaluateResult>({
  text: shape<EvaluateResult['text']>({ name: text, sha256: text, tokens: number }),
  segment: number,
  stride: orNull(number),
  bos: oneOf('none', 'every'),
  segments: number,
  totalSegments: number,
  predicted: number,
  removed: units,
  healing: maybe(text),
  original: side,
  plan: orNull(side),
  top1Agreement: orNull(number),
  klDivergence: orNull(number),
  device,
  warnings: texts,
  seconds: number,
});

const stat = shape<Stat>({ mean: number, median: number, min: number, max: number, unit: text });

const speedSettings = shape<SpeedSettings>({
  mode: oneOf('paper', 'quick', 'custom'),
  promptTokens: number,
  tokens: number,
  warmup: number,
  runs: number,
  batch: number,
});

const variantMeasure = shape<VariantMeasure>({
  info: shape<VariantInfo>({
    device,
    runtime: text,
    cache: oneOf('static', 'growing', 'none'),
    notes: texts,
    numBlocks: number,
    fileBytes: number,
    loadSeconds: number,
  }),
  removed: units,
  speed: shape<VariantMeasure['speed']>({
    throughput: stat,
    latency: stat,
    ttft: stat,
    prefill: stat,
    decode: orNull(stat),
    runs: number,
  }),
  samples: listOf(shape<VariantMeasure['samples'][number]>({ tokens: number, seconds: number })),
  loads: listOf(number),
  deviceBytes: number,
});

export const gain = shape<Gain>({ ratio: number, ci95: pair, noise: flag });

export const measureResult = shape<MeasureResult>({
  original: orNull(variantMeasure),
  pruned: orNull(variantMeasure),
  errors: shape({}),
  gain: orNull(gain),
  settings: speedSettings,
  interleaved: oneOf('runs', 'rounds'),
  notes: texts,
  seconds: number,
});

const sweepPoints = listOf(shape<SweepPoint>({ batch: number, latency: stat, throughput: stat }));

export const sweepResult = shape<SweepResult>({
  original: sweepPoints,
  pruned: sweepPoints,
  stopped: listOf(shape({})),
  settings: speedSettings,
  device: orNull(device),
  notes: texts,
});

export const speedComparison = shape<SpeedComparison>({
  sides: listOf(
    shape<ComparedSide>({
      id: text,
      points: listOf(
        shape<ComparedPoint>({
          batch: number,
          latency: stat,
          throughput: stat,
          rates: listOf(number),
          gain: orNull(gain),
        }),
      ),
      fileBytes: orNull(number),
    }),
  ),
  arranged: oneOf('all', 'pairs', 'alone'),
  settings: speedSettings,
  device: orNull(device),
  notes: texts,
  seconds: number,
});
