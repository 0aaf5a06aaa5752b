// The depth plan that a narrower model is compared with: whole blocks of about as many weights.

import type { Measure } from '../../contract/score.ts';
import type { OpenedModel } from '../../model/open/open.ts';
import { weightsOf } from '../../model/open/size.ts';
import { unitsObstacle } from '../../model/structure/removable.ts';
import { removalObstacle } from '../../model/structure/removeGraph.ts';
import type { ScoreSession } from '../../runtime/score/session.ts';
import type { Unit } from '../../units.ts';
import { showProgress } from '../output.ts';

/** A plan of whole blocks or sublayers, measured on the windows. */
export interface DepthMeasure extends Measure {
  removed: Unit[];
  /** Parameters that are gone, norms among them. */
  removedWeights: number;
}

/**
 * Blocks in their order, least important first, until about so many weights are gone; blocks that
 * cannot go with those before are passed over. Empty where none of them comes nearer than nothing.
 */
function nearestPlan(opened: OpenedModel, order: readonly number[], weights: number): number[] {
  const apart = (plan: readonly number[]): number =>
    Math.abs(weightsOf(opened.summary, plan) - weights);
  let plan: number[] = [];
  let best = plan;
  for (const block of order) {
    const next = [...plan, block].sort((a, b) => a - b);
    const { summary, structure } = opened;
    if (unitsObstacle(summary.blocks, next) ?? removalObstacle(structure, next)) continue;
    plan = next;
    if (apart(plan) < apart(best)) best = plan;
    else break;
  }
  return best;
}

/**
 * Measures a plan, or the blocks that a curve finds least important.
 * @param session with these windows
 * @param like the plan; empty: by a curve, about as many weights as `weights`
 * @returns null where even one block has more than twice as many weights
 * @throws EspalierError as `ScoreSession.score` and `plan`
 */
export async function measureDepth(
  opened: OpenedModel,
  session: ScoreSession,
  { like, weights }: { like: readonly Unit[]; weights: number },
  windows: number[][],
  signal: AbortSignal,
): Promise<DepthMeasure | null> {
  const byOrder = async (): Promise<Unit[]> => {
    const { order } = await session.score(windows, signal, (event) => {
      if (event.type === 'progress') showProgress(event.progress);
    });
    return nearestPlan(opened, order, weights);
  };
  const removed = like.length > 0 ? [...like] : await byOrder();
  if (removed.length === 0) return null;
  const { nll, ppl, nllPerWindow } = await session.plan(removed, signal, showProgress);
  return { removed, removedWeights: weightsOf(opened.summary, removed), nll, ppl, nllPerWindow };
}
