// The iterative search as the page shows it: what Start would ask for, how long that may take, and
// its path beside the one-shot paths.

import type { SearchParameters, SearchRequest } from '../../contract/search.ts';
import type { ModelSummary } from '../../model/open/summary.ts';
import { blocksLeft, sortUnits, type Unit } from '../../units.ts';
import { shownOrders } from '../criteria/orders.ts';
import { engineObstacle } from '../jobs.ts';
import { curveSettings } from '../keys.ts';
import { derive } from '../memo.ts';
import { modelOf } from '../open/selectors.ts';
import { unlockedAmong } from '../plan/locks.ts';
import { noNumbers, scoringObstacle } from '../score/selectors.ts';
import type { StudioState } from '../state.ts';
import { countBlocks, isOnCurve, measuredPlans } from './measured.ts';
import type { PathName, SearchPath } from './state.ts';

/** One plan of a path. */
export interface PathPoint {
  /** Blocks removed; a sublayer alone counts half. */
  count: number;
  removed: readonly Unit[];
  /**
   * The block that was removed last; null at the start of the path, and where several changed
   * places.
   */
  block: number | null;
  /** Measured mean NLL in nats, or null while it is not measured. */
  nll: number | null;
}

export interface PathSeries {
  name: PathName;
  label: string;
  points: readonly PathPoint[];
}

export interface PathsView {
  series: readonly PathSeries[];
  /**
   * False when the search was run on other windows than the curve's or on another device: then
   * nothing is drawn beside it.
   */
  sameWindows: boolean;
}

/** Blocks that can be removed after `start`, whichever criterion chooses; one block stays. */
function mostSteps(
  blocks: ModelSummary['blocks'],
  start: readonly Unit[],
  locked: readonly number[],
): number {
  return Math.max(
    0,
    Math.min(unlockedAmong(blocks, locked, start).length, blocksLeft(blocks.length, start) - 1),
  );
}

/** What the form asks for, but for the settings; null without a model. */
export const searchParameters = derive(
  (state: StudioState) => [modelOf(state), state.plan.present, state.search.form],
  (model, { removed, locked }, { count, maxPpl, fromPlan }): SearchParameters | null => {
    if (!model) return null;
    const { blocks } = model.summary;
    const start = fromPlan ? [...removed] : [];
    // Blocks that cannot be removed stay, as locked ones do.
    const fixed = blocks.filter(({ unremovable }) => unremovable).map(({ index }) => index);
    const staying = [...new Set([...locked, ...fixed])].sort((a, b) => a - b);
    return {
      start,
      locked: staying,
      count: Math.min(count ?? Number.POSITIVE_INFINITY, mostSteps(blocks, start, staying)),
      maxPpl,
    };
  },
);

export const searchRequest = (state: StudioState): SearchRequest | null => {
  const parameters = searchParameters(state);
  return parameters && { settings: curveSettings(state), ...parameters };
};

/** Why no search can start now, or null. */
export function searchObstacle(state: StudioState): string | null {
  const parameters = searchParameters(state);
  if (!parameters) return 'No model is open.';
  const unscored = scoringObstacle(state);
  if (unscored !== null) return unscored;
  const busy = engineObstacle(state);
  if (busy !== null) return busy;
  // Without the block that gives NaN there may be numbers.
  if (parameters.start.length === 0 && noNumbers(state)) return noNumbers(state);
  const { count, maxPpl } = state.search.form;
  if (count === null && maxPpl === null) return 'Enter a number of blocks or a perplexity.';
  return parameters.count < 1 ? 'No removable blocks are left.' : null;
}

function iterative({ request: { start }, baseline, steps }: SearchPath): PathSeries {
  const first: PathPoint = {
    count: countBlocks(start),
    removed: sortUnits(start),
    block: null,
    nll: baseline?.nll ?? null,
  };
  const points = steps.map(({ block, measure }, i): PathPoint => {
    const removed = sortUnits([...start, ...steps.slice(0, i + 1).map((step) => step.block)]);
    return { count: countBlocks(removed), removed, block, nll: measure.nll };
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
    searchParameters(state),
    shownOrders(state),
    state.score.curve,
    isOnCurve(state),
    measuredPlans(state),
  ],
  (model, path, parameters, orders, curve, onCurve, plans): PathsView => {
    const searched = path?.baseline ? [iterative(path)] : [];
    if (!model || !curve || (path && !onCurve))
      return { series: searched, sameWindows: path === null || !curve };
    const { start, locked } = path?.request ?? parameters!;
    const count = path
      ? (path.ended && path.steps.length) || path.request.count
      : parameters!.count;
    const unlocked = unlockedAmong(model.summary.blocks, locked, start);
    const series = orders.map(({ name, label, take }): PathSeries => {
      const points: PathPoint[] = [];
      for (let k = 0, before: readonly number[] = []; k <= count; k++) {
        const taken = take(unlocked, k);
        if (taken.length < k) break;
        const added = taken.filter((block) => !before.includes(block));
        const removed = sortUnits([...start, ...taken]);
        const block = added.length === 1 ? added[0]! : null;
        points.push({
          count: countBlocks(removed),
          removed,
          block,
          nll: plans.get(removed.join())?.nll ?? null,
        });
        before = taken;
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
