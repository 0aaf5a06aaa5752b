// The two ways of a search, each with the measured perplexity of every plan on the way.

import type { Measure } from '../contract/score.ts';
import type { SearchParameters, SearchResult, SearchStep } from '../contract/search.ts';
import type { ScoreSession } from '../runtime/score/session.ts';
import { blockOf, sortUnits, type Unit } from '../units.ts';
import { showProgress } from './output.ts';

/** One plan of the path, measured; `block` is the one removed last, where plans grow by one. */
interface PathStep extends Partial<Pick<SearchStep, 'block' | 'candidates'>> {
  removed: Unit[];
  measure: Measure;
  seconds: number;
}

export interface SearchPath extends Pick<SearchResult, 'baseline' | 'stoppedBy' | 'costRatio'> {
  steps: PathStep[];
}

/** Removes one block at a time and scores the rest again. */
export async function iterativePath(
  session: ScoreSession,
  windows: number[][],
  parameters: SearchParameters,
): Promise<SearchPath> {
  const found = await session.search(
    { windows, ...parameters },
    undefined,
    undefined,
    (event) => event.type === 'progress' && showProgress(event.progress),
  );
  const removed: Unit[] = [...parameters.start];
  const steps = found.steps.map((step): PathStep => {
    removed.push(step.block);
    return { ...step, removed: sortUnits(removed) };
  });
  return {
    baseline: found.baseline,
    steps,
    stoppedBy: found.stoppedBy,
    costRatio: found.costRatio,
  };
}

/** The blocks to remove for each number of them, or null when there are not that many. */
export type Orders = (count: number) => number[] | null;

/** Removes the first blocks of one order, scored once. */
export async function oneShotPath(
  session: ScoreSession,
  { start, count, maxPpl }: SearchParameters,
  orders: Orders,
): Promise<SearchPath> {
  const baseline = await session.plan(start);
  const most = session.programs.blocks.length - new Set(start.map(blockOf)).size - 1;
  const steps: PathStep[] = [];
  let stoppedBy: SearchPath['stoppedBy'] = 'count';
  for (let size = 1; size <= count; size++) {
    const blocks = size <= most ? orders(size) : null;
    if (!blocks) {
      stoppedBy = 'locks';
      break;
    }
    const removed = sortUnits([...start, ...blocks]);
    const { seconds, ...measure } = await session.plan(removed, undefined, showProgress);
    if (maxPpl !== null && !(measure.ppl !== null && measure.ppl <= maxPpl)) {
      stoppedBy = 'bound';
      break;
    }
    const last = steps.at(-1)?.removed ?? start;
    const added = removed.filter((unit) => !last.includes(unit));
    const [block] = added;
    steps.push({
      ...(added.length === 1 && typeof block === 'number' ? { block } : {}),
      removed,
      measure,
      seconds,
    });
  }
  const { seconds: _, ...measure } = baseline;
  return { baseline: measure, steps, stoppedBy, costRatio: null };
}
