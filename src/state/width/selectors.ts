// Width against depth as the page shows it: why it may not start, the rows of the table, the points
// of the charts, what was found.

import { pairedInterval } from '../../analysis/bootstrap.ts';
import { hasNumbers } from '../../analysis/perplexity.ts';
import { gainOf } from '../../analysis/speed.ts';
import type { PlanResult } from '../../contract/plan.ts';
import type { Measure } from '../../contract/score.ts';
import type { ComparedPoint, CompareRequest, Gain } from '../../contract/speed.ts';
import type { ErrorReport } from '../../errors.ts';
import type { StepChoice } from '../../model/export/steps.ts';
import { planSize, weightsOf } from '../../model/open/size.ts';
import type { WidthMethod, WidthPlan } from '../../model/width/types.ts';
import { WIDTH_METHODS } from '../../model/width/widthWords.ts';
import { writtenPlan } from '../../model/width/written.ts';
import type { Unit } from '../../units.ts';
import { WIDTH_OBSTACLES, WIDTH_ROWS, withoutUnits } from '../../words/comparison/width.ts';
import { engineObstacle } from '../jobs.ts';
import { derive } from '../memo.ts';
import { modelOf } from '../open/selectors.ts';
import { countUnits, listUnits } from '../plan/unitWords.ts';
import { noNumbers, scoringObstacle } from '../score/selectors.ts';
import { countBlocks } from '../search/measured.ts';
import { isMetering } from '../speed/metering.ts';
import { deviceEstimate, PROTOCOLS, SWEEP_BATCHES } from '../speed/settings.ts';
import { type TimeNeeded, timeOfSweeps } from '../speed/time.ts';
import type { StudioState } from '../state.ts';
import { variantKey } from '../variants/names.ts';
import { variantRows } from '../variants/variants.ts';
import { depthOfNow } from './depth.ts';
import { METHODS, type WidthComparison, type WidthFound } from './state.ts';

/** Precisions whose matrices are floats: any number of channels can go. */
const FLOATS: readonly string[] = ['fp32', 'fp16', 'bf16'];

/** Channels of few-bit matrices go by whole blocks of weights along the inputs of down. */
const FEW_BIT_BLOCK = 32;

/** What numbers of channels are rounded to multiples of. */
export function multipleOf({ width, model }: Pick<StudioState, 'width' | 'model'>): number {
  const dtype = model.current?.summary.dtype ?? 'fp32';
  return width.form.multiple ?? (FLOATS.includes(dtype) ? 1 : FEW_BIT_BLOCK);
}

/** Why the comparison may not start now, as a sentence; null where it may. */
export function widthObstacle(state: StudioState): string | null {
  const model = modelOf(state);
  if (!model) return WIDTH_OBSTACLES.noModel;
  if (!state.score.curve) {
    const why = scoringObstacle(state);
    if (why !== null) return why;
  }
  const busy = engineObstacle(state);
  if (busy !== null) return busy;
  if (state.width.running) return WIDTH_OBSTACLES.runs;
  if (state.generate.running) return WIDTH_OBSTACLES.generating;
  if (isMetering(state)) return WIDTH_OBSTACLES.measuring;
  return state.score.curve ? noNumbers(state) : null;
}

/** About how long the speeds of a comparison take; null while nothing is known of the device. */
export const widthTime = derive(
  (state: StudioState) => [
    modelOf(state),
    depthOfNow(state)?.removed ?? NOTHING,
    state.speed.paces.get(state.score.settings.device),
  ],
  (model, removed, pace): TimeNeeded | null => {
    if (!model) return null;
    const pruned = planSize(model.summary, removed).bytes;
    const sizes = [planSize(model.summary, []).bytes, pruned, ...METHODS.map(() => pruned)];
    return timeOfSweeps(model, sizes, pace);
  },
);

const NOTHING: readonly Unit[] = [];

/** The id of a row and of its speeds. */
export type WidthRowId = 'original' | 'depth' | WidthMethod | 'flap-plain';

/** The step that an export of it takes. */
export const widthStep = (width: WidthPlan): StepChoice<'width'> => ({ step: 'width', width });

/** What the meter is asked for; null without a model. */
export function compareRequest(
  state: StudioState,
  { depth, outcomes }: WidthComparison,
): CompareRequest | null {
  const model = modelOf(state);
  if (!model) return null;
  const settings = PROTOCOLS.quick;
  const tokens = settings.promptTokens + settings.tokens;
  const batch = Math.max(...SWEEP_BATCHES);
  const bytes = (removed: readonly Unit[]) => deviceEstimate(model, removed, tokens, batch);
  const narrow = outcomes.map((found) => ({
    id: found.method,
    removed: [],
    steps: [widthStep(writtenPlan(found))],
    estimate: bytes([]) * (1 - found.removedWeights / found.totalWeights),
  }));
  return {
    source: model.source,
    graph: model.summary.graph,
    device: state.score.settings.device,
    variants: [
      { id: 'original', removed: [], estimate: bytes([]) },
      { id: 'depth', removed: [...depth.removed], estimate: bytes(depth.removed) },
      ...narrow,
    ],
    settings,
    batches: SWEEP_BATCHES,
  };
}

export interface WidthRow {
  id: WidthRowId;
  label: string;
  /** In sentences. */
  name: string;
  params: number;
  /** Of all weights. */
  removedShare: number;
  /** Mean NLL in nats; null while it is not measured. */
  nll: number | null;
  /** Mean NLL of each window in nats; empty while it is not measured. */
  perWindow: readonly number[];
  /** 95 % paired interval of the perplexity, as NLL in nats; null without one. */
  nllEnds: readonly [number, number] | null;
  /** Speeds by batch size; empty while there are none. */
  points: readonly ComparedPoint[];
  stopped: { batch: number; error: ErrorReport } | null;
  fileBytes: number | null;
  /** What can be exported; null for rows that are no width. */
  plan: WidthPlan | null;
  /** Why it cannot be; null where it can, and where there is nothing to export. */
  obstacle: string | null;
}

interface DepthPoint {
  removed: readonly Unit[];
  params: number;
  /** Mean NLL in nats. */
  nll: number;
  /** Gain over the original at batch 1, as measured for the Speed workspace; null without. */
  gain: number | null;
}

export interface WidthView {
  rows: readonly WidthRow[];
  /** Plans of the current order, the original first: the line of depth in the charts. */
  line: readonly DepthPoint[];
  depth: WidthComparison['depth'];
  /** Batch sizes that any row has. */
  batches: readonly number[];
  /** It was measured on windows of another curve. */
  stale: boolean;
  /** The current plan is not the one that it holds width against. */
  isOfOtherPlan: boolean;
  /** All variants were open at once: run k of each followed one another. */
  byRound: boolean;
  running: boolean;
  whole: boolean;
}

/** The comparison that runs as far as it came, else the last one; null without any. */
export const widthView = derive(
  (state: StudioState) => [
    modelOf(state),
    state.width.running,
    state.width.shown,
    state.score.curve,
    variantRows(state),
    depthOfNow(state),
  ],
  (model, running, shown, curve, variants, present): WidthView | null => {
    if (!model || !shown) return null;
    // A new run shows its own numbers from its first losses on.
    const isSpeed = running?.stage === 'speed';
    const sides = (isSpeed ? running.sides : shown.speeds?.sides) ?? [];
    const side = (id: WidthRowId) => sides.find((one) => one.id === id);
    const total = model.summary.params;
    const base = shown.baseline;
    const row = (
      id: WidthRowId,
      label: string,
      removed: number,
      measure: Measure | null,
      found: WidthFound | null = null,
    ): WidthRow => ({
      id,
      label,
      name: id === 'depth' ? WIDTH_ROWS.depth : label,
      params: total - removed,
      removedShare: removed / total,
      nll: measure?.nll ?? null,
      perWindow: measure?.nllPerWindow ?? [],
      nllEnds: id === 'original' ? null : endsOf(measure, base),
      points: side(id)?.points ?? [],
      stopped: side(id)?.stopped ?? null,
      fileBytes: side(id)?.fileBytes ?? null,
      plan: found && writtenPlan(found),
      obstacle: found && obstacleOf(found),
    });
    const { depth } = shown;
    const own = shown.plans.find(({ removed }) => removed.join() === depth.removed.join());
    const rows = [
      row('original', WIDTH_ROWS.original, 0, base),
      row('depth', depthLabel(depth.removed), depth.removedWeights, own ?? null),
      ...shown.outcomes.flatMap((found) => {
        const { method, removedWeights, measure, compensated } = found;
        const name = WIDTH_METHODS[method];
        if (!compensated) return [row(method, name, removedWeights, measure, found)];
        return [
          row(method, name, removedWeights, compensated, found),
          row('flap-plain', WIDTH_ROWS.uncompensated(name), removedWeights, measure),
        ];
      }),
    ];
    const batches = new Set(rows.flatMap(({ points }) => points.map(({ batch }) => batch)));
    return {
      rows,
      line: lineOf(shown).map(({ removed, nll }) => ({
        removed,
        nll,
        params: total - weightsOf(model.summary, removed),
        gain: variants.find(({ key }) => key === variantKey(removed))?.gain ?? null,
      })),
      depth,
      batches: [...batches].sort((a, b) => a - b),
      stale: curve !== null && curve.id !== shown.curve,
      isOfOtherPlan: present !== null && present.removed.join() !== depth.removed.join(),
      byRound: (isSpeed ? running.arranged : shown.speeds?.arranged) === 'all',
      running: running !== null,
      whole: shown.whole,
    };
  },
);

/** Blocks that are named beside a method; more of them are counted. */
const NAMED_UNITS = 6;

const depthLabel = (removed: readonly Unit[]): string =>
  withoutUnits(removed.length > NAMED_UNITS ? countUnits(removed) : listUnits(removed));

const obstacleOf = ({ exportObstacle, equalLayers }: WidthFound): string | null =>
  exportObstacle ?? (equalLayers ? null : WIDTH_OBSTACLES.unequal);

function endsOf(measure: Measure | null, base: Measure): [number, number] | null {
  if (!measure || !hasNumbers(measure) || !hasNumbers(base)) return null;
  if (measure.nllPerWindow.length !== base.nllPerWindow.length) return null;
  const [low, high] = pairedInterval(measure.nllPerWindow, base.nllPerWindow);
  return [base.nll + low, base.nll + high];
}

/** The original and the plans of the order, fewest removals first. */
function lineOf({ plans, baseline, depth }: WidthComparison) {
  const own = depth.isOnOrder ? null : depth.removed.join();
  const points: Pick<PlanResult, 'removed' | 'nll'>[] = [
    { removed: [], nll: baseline.nll },
    ...plans.filter(({ removed }) => removed.join() !== own),
  ];
  return points.sort((a, b) => countBlocks(a.removed) - countBlocks(b.removed));
}

/** The batch size whose speeds are drawn: the chosen one, where it was measured. */
export function shownBatch(state: StudioState): number {
  const { batches = [] } = widthView(state) ?? {};
  const { batch } = state.width;
  return batches.includes(batch) ? batch : (batches[0] ?? 1);
}

/** The point of a row at a batch size. */
export const pointAt = ({ points }: WidthRow, batch: number): ComparedPoint | null =>
  points.find((point) => point.batch === batch) ?? null;

/**
 * Tokens/s of a row as beside the original of the comparison: where not all were open at once, each
 * was held against an original of its own rounds.
 */
export function rateOf(view: WidthView, row: WidthRow, batch: number) {
  const point = pointAt(row, batch);
  if (!point) return null;
  const { mean, min, max } = point.throughput;
  const original = view.rows[0] && pointAt(view.rows[0], batch);
  if (!point.gain || !original) return { rate: mean, ends: [min, max] as const };
  const { ratio, ci95 } = point.gain;
  const base = original.throughput.mean;
  return { rate: ratio * base, ends: [ci95[0] * base, ci95[1] * base] as const };
}

/** Depth over a width method at a batch size, as a ratio of speeds; null while unknown. */
export function depthOver(view: WidthView, id: WidthRowId, batch: number): Gain | null {
  const find = (one: WidthRowId) => view.rows.find((row) => row.id === one);
  const [depth, width] = [find('depth'), find(id)];
  const [a, b] = [depth && pointAt(depth, batch), width && pointAt(width, batch)];
  return a && b ? gainOf(b.rates, a.rates, view.byRound) : null;
}
