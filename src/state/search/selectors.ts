// The iterative search as the page shows it: what Start would ask for, how long that may take, and
// its path beside the one-shot paths. Pure and memoised.

import type { SearchRequest } from '../../contract/search.ts';
import type { ModelSummary } from '../../model/open/summary.ts';
import { blocksLeft, sortUnits, type Unit, wholeBlocks } from '../../units.ts';
import { shownOrders } from '../criteria/orders.ts';
import { engineJob, JOB_WORDS } from '../jobs.ts';
import { curveSettings } from '../keys.ts';
import { derive } from '../memo.ts';
import { countSublayers } from '../plan/unitWords.ts';
import { sameWindows } from '../score/sublayerSelectors.ts';
import { canScore, modelOf } from '../selectors.ts';
import type { SearchPath, StudioState } from '../state.ts';

/** One plan of a path. */
export interface PathPoint {
  /** Blocks removed; a part alone counts half. */
  count: number;
  removed: readonly Unit[];
  /** The block that went last; null at the start of the path, and where several changed places. */
  block: number | null;
  /** Measured mean NLL in nats, or null while it is not measured. */
  nll: number | null;
}

export interface PathSeries {
  /** `iterative`, or the name of a known order. */
  name: string;
  label: string;
  points: readonly PathPoint[];
}

export interface PathsView {
  series: readonly PathSeries[];
  /**
   * False when the search was run on other windows than the curve's or on another device: then
   * nothing is drawn against it.
   */
  sameWindows: boolean;
}

/** Blocks that may go after `start`, whichever criterion chooses; one block of the model stays. */
function freeBlocks(
  blocks: ModelSummary['blocks'],
  start: readonly Unit[],
  locked: readonly number[],
): number[] {
  const gone = wholeBlocks(start);
  return blocks
    .filter(
      ({ index, unremovable }) => !unremovable && !locked.includes(index) && !gone.includes(index),
    )
    .map(({ index }) => index);
}

function mostSteps(
  blocks: ModelSummary['blocks'],
  start: readonly Unit[],
  locked: readonly number[],
): number {
  return Math.max(
    0,
    Math.min(freeBlocks(blocks, start, locked).length, blocksLeft(blocks.length, start) - 1),
  );
}

/** What the form asks for, but for the settings; null without a model. */
export const searchWish = derive(
  (state: StudioState) => [modelOf(state), state.plan.present, state.search.form],
  (
    model,
    { removed, locked },
    { count, maxPpl, fromPlan },
  ): Omit<SearchRequest, 'settings'> | null => {
    if (!model) return null;
    const { blocks } = model.summary;
    const start = fromPlan ? [...removed] : [];
    // Blocks that can never go stay as locked ones do.
    const fixed = blocks.filter(({ unremovable }) => unremovable).map(({ index }) => index);
    const stays = [...new Set([...locked, ...fixed])].sort((a, b) => a - b);
    return {
      start,
      locked: stays,
      count: Math.min(count ?? Number.POSITIVE_INFINITY, mostSteps(blocks, start, stays)),
      maxPpl,
    };
  },
);

export const searchRequest = (state: StudioState): SearchRequest | null => {
  const wish = searchWish(state);
  return wish && { settings: curveSettings(state), ...wish };
};

/** Why no search can start now, or ''. */
export function whyNoSearch(state: StudioState): string {
  const wish = searchWish(state);
  const job = engineJob(state);
  if (!wish) return 'No model is open.';
  if (!canScore(state)) return 'This graph gives no perplexity.';
  if (job) return JOB_WORDS[job];
  if (state.model.opening !== null) return 'A folder is being read.';
  const { count, maxPpl } = state.search.form;
  if (count === null && maxPpl === null) return 'Say how many blocks, or up to which perplexity.';
  return wish.count < 1 ? 'No unlocked block is left to remove.' : '';
}

/**
 * Seconds that the wished search takes at most, foretold from those of the curve: scoring n of N
 * blocks costs n(n+1) / (N(N+1)) of it. Null without a curve of this session.
 */
export function searchSeconds(state: StudioState): number | null {
  const { curve } = state.score;
  const wish = searchWish(state);
  const model = modelOf(state);
  if (!curve || curve.restored || !wish || !model) return null;
  const all = model.summary.numBlocks;
  const left = blocksLeft(all, wish.start);
  let share = 0;
  for (let n = left; n > left - wish.count; n--) share += (n * (n + 1)) / (all * (all + 1));
  return share * curve.result.seconds;
}

/**
 * True when search and curve are of the same windows on the same kind of device, so that their
 * perplexities can be held against each other.
 */
export const isOnCurve = derive(
  (state: StudioState) => [state.search.path, state.score.curve],
  (path, curve): boolean => {
    if (!path || !curve || (path.device && path.device.kind !== curve.result.device.kind))
      return false;
    return path.windows
      ? sameWindows(path.windows, curve.result.windows)
      : path.settingsKey === curve.settingsKey;
  },
);

const halves = (removed: readonly Unit[]) => countSublayers(removed) / 2;

function iterative({ request: { start }, baseline, steps }: SearchPath): PathSeries {
  const first: PathPoint = {
    count: halves(start),
    removed: sortUnits(start),
    block: null,
    nll: baseline?.nll ?? null,
  };
  const points = steps.map(({ block, measure }, i): PathPoint => {
    const removed = sortUnits([...start, ...steps.slice(0, i + 1).map((step) => step.block)]);
    return { count: halves(removed), removed, block, nll: measure.nll };
  });
  return { name: 'iterative', label: 'iterative', points: [first, ...points] };
}

/**
 * The path of the search and, on the same windows and from the same start, those of all known
 * orders.
 */
export const pathsView = derive(
  (state: StudioState) => [
    modelOf(state),
    state.search.path,
    searchWish(state),
    shownOrders(state),
    state.score.curve,
    isOnCurve(state),
    state.search.measured,
    state.effect.known,
  ],
  (model, path, wish, orders, curve, onCurve, measured, known): PathsView => {
    const searched = path?.baseline ? [iterative(path)] : [];
    if (!model || !curve || (path && !onCurve))
      return { series: searched, sameWindows: path === null || !curve };
    const { start, locked } = path?.request ?? wish!;
    const count = path ? (path.ended && path.steps.length) || path.request.count : wish!.count;
    const free = freeBlocks(model.summary.blocks, start, locked);
    const nlls = new Map([['', curve.result.baseline.nll]]);
    for (const block of curve.result.blocks)
      if (!block.refused) nlls.set(String(block.index), block.nll);
    for (const results of [known, measured])
      for (const [key, { removed, nll }] of results)
        if (key.startsWith(`${curve.id}|`)) nlls.set(removed.join(), nll);
    for (const { removed, nll } of searched[0]?.points ?? [])
      if (nll !== null) nlls.set(removed.join(), nll);
    const series = orders.map(({ name, label, take }): PathSeries => {
      const points: PathPoint[] = [];
      for (let k = 0, before: readonly number[] = []; k <= count; k++) {
        const gone = take(free, k);
        if (gone.length < k) break;
        const added = gone.filter((block) => !before.includes(block));
        const removed = sortUnits([...start, ...gone]);
        const block = added.length === 1 ? added[0]! : null;
        points.push({
          count: halves(removed),
          removed,
          block,
          nll: nlls.get(removed.join()) ?? null,
        });
        before = gone;
      }
      return { name, label, points };
    });
    return { series: [...searched, ...series], sameWindows: true };
  },
);

/** Plans of the one-shot paths that nobody has measured yet, those of few blocks first. */
export const unmeasured = derive(
  (state: StudioState) => [pathsView(state)],
  ({ series }): (readonly Unit[])[] => {
    const plans = new Map<string, PathPoint>();
    for (const { points } of series)
      for (const point of points) if (point.nll === null) plans.set(point.removed.join(), point);
    return [...plans.values()].sort((a, b) => a.count - b.count).map(({ removed }) => removed);
  },
);

/** True when there is a path to draw: a search was started, or one-shot paths were measured. */
export function hasPaths(state: StudioState): boolean {
  return (
    (state.search.path !== null || state.search.measured.size > 0) &&
    pathsView(state).series.length > 0
  );
}

/** The search as an export records it: removals in order with the NLL after each. */
export function searchRecord({ search: { path } }: StudioState): { block: number; nll: number }[] {
  return (path?.steps ?? []).map(({ block, measure }) => ({ block, nll: measure.nll }));
}
