// What the numbers of the current plan mean: usable, needs healing or broken; why; what to do next;
// and whether other blocks of the same number are known to do better.

import { pplWords, riseOf } from '../../analysis/perplexity.ts';
import { blockOf, sortUnits, type Unit } from '../../units.ts';
import {
  type Evidence,
  FEW_WINDOWS,
  onWindows,
  type Thresholds,
  type VerdictWord,
} from '../../words/verdict.ts';
import { knownOrders } from '../criteria/orders.ts';
import { healedMeasure, quantisedMeasure } from '../effect/selectors.ts';
import { activeQuantisation } from '../effect/steps.ts';
import { isOfPlan } from '../evaluate/selectors.ts';
import type { Evaluated } from '../evaluate/state.ts';
import { modelObstacle } from '../heal/selectors.ts';
import { derive } from '../memo.ts';
import { unlockedBlocks } from '../plan/locks.ts';
import type { Plan } from '../plan/plan.ts';
import type { ByResult } from '../quantise/written.ts';
import { type MeasuredPlan, measuredPlans } from '../search/measured.ts';
import type { StudioState } from '../state.ts';

/** What to do next with a plan. */
export type NextStep =
  | { kind: 'evaluate' }
  /** The plan as it is, with weights that are refitted or trained. */
  | { kind: 'heal' }
  /** Its few bits cost too much: more bits, another method. */
  | { kind: 'quantise' }
  | { kind: 'export' }
  /** A usable plan of fewer blocks, without locked ones. */
  | { kind: 'fewer'; removed: readonly Unit[]; rise: number }
  | { kind: 'fewer-unknown' };

/** Other blocks of the same number that are known to cost less. */
export interface BetterPlan {
  removed: readonly Unit[];
  /** The orders that choose them. */
  by: readonly string[];
  ppl: string;
  own: string;
}

export interface VerdictView {
  word: VerdictWord;
  evidence: Evidence;
  /** On so few windows that it says little. */
  isThin: boolean;
  next: readonly NextStep[];
  better: BetterPlan | null;
}

const RANK: readonly VerdictWord[] = ['usable', 'healing', 'broken'];

function rankOf(value: number, usable: number, broken: number): number {
  if (value <= usable) return 0;
  return value <= broken ? 1 : 2;
}

/** The worse of both decides. */
export function judge(
  { rise, kl }: { rise: number; kl: number | null },
  limits: Thresholds,
): { word: VerdictWord; by: Evidence['by'] } {
  const byRise = rankOf(rise, limits.usableRise, limits.brokenRise);
  const byKl = kl === null ? 0 : rankOf(kl, limits.usableKl, limits.brokenKl);
  return { word: RANK[Math.max(byRise, byKl)]!, by: byKl > byRise ? 'kl' : 'rise' };
}

/** The newest evaluation of the plan: another text than the one that chose it. */
function evaluationOf(results: readonly Evaluated[], plan: Plan) {
  return results.find(({ result }) => result.plan && isOfPlan(result, plan))?.result;
}

/** What a quantisation was measured at in this precision, on what nothing was chosen by first. */
function quantisedOn({ key, result }: ByResult) {
  const { measured } = result.quantisation.record;
  const isOwn = key === result.id;
  return (isOwn && (measured.find(({ set }) => set === 'held-out') ?? measured[0])) || null;
}

/** The plan of fewer blocks that is usable, keeps locked blocks and removes most. */
function fewerOf(
  plans: ReadonlyMap<string, MeasuredPlan>,
  removed: readonly Unit[],
  unlocked: readonly number[],
  limits: Thresholds,
): NextStep {
  const original = plans.get('');
  let best: { removed: readonly Unit[]; rise: number } | null = null;
  for (const one of original ? plans.values() : []) {
    const rise = riseOf(original!.nll, one.nll);
    const size = one.removed.length;
    if (size === 0 || size >= removed.length || rise > limits.usableRise) continue;
    if (one.removed.some((unit) => !unlocked.includes(blockOf(unit)))) continue;
    const isBetter =
      !best || size > best.removed.length || (size === best.removed.length && rise < best.rise);
    if (isBetter) best = { removed: one.removed, rise };
  }
  return best ? { kind: 'fewer', ...best } : { kind: 'fewer-unknown' };
}

/** Null while the perplexity of the current plan is not known, and without removals. */
export const verdictView = derive(
  (state: StudioState) => [
    state.plan.present,
    state.score.curve,
    measuredPlans(state),
    healedMeasure(state),
    state.evaluate.results,
    state.verdict.thresholds,
    unlockedBlocks(state),
    betterPlan(state),
    modelObstacle(state) === null,
    activeQuantisation(state),
    quantisedMeasure(state),
  ],
  (
    present,
    curve,
    plans,
    healed,
    results,
    limits,
    unlocked,
    better,
    canHeal,
    few,
    quantised,
  ): VerdictView | null => {
    const { removed, healing } = present;
    const evaluated = evaluationOf(results, present);
    const original = plans.get('');
    const asItIs = healing === undefined ? plans.get(removed.join()) : healed;
    const plan = few ? quantised : asItIs;
    const written = few && quantisedOn(few);
    if (removed.length === 0 && !few) return null;
    let measured: { rise: number; kl: number | null; on: string } | null = null;
    if (written) {
      const { original: before, quantised: after, name } = written;
      measured = { rise: riseOf(before.nll, after.nll), kl: after.klDivergence, on: name };
    } else if (evaluated?.plan && !few) {
      const rise = riseOf(evaluated.original.nll, evaluated.plan.nll);
      measured = { rise, kl: evaluated.klDivergence, on: evaluated.text.name };
    } else if (original && plan && curve) {
      const windows = curve.result.baseline.nllPerWindow.length;
      measured = { rise: riseOf(original.nll, plan.nll), kl: null, on: onWindows(windows) };
    }
    if (!measured || Number.isNaN(measured.rise)) return null;
    const { word, by } = judge(measured, limits);
    const windows = curve?.result.baseline.nllPerWindow.length ?? 0;
    const isSeen = evaluated !== undefined || written?.set === 'held-out';
    const next: NextStep[] = [];
    const hasPlan = removed.length > 0;
    if (word === 'usable') next.push({ kind: isSeen ? 'export' : 'evaluate' });
    else {
      if (canHeal && hasPlan && healing === undefined) next.push({ kind: 'heal' });
      if (few) next.push({ kind: 'quantise' });
      if (hasPlan) next.push(fewerOf(plans, removed, unlocked, limits));
    }
    return {
      word,
      evidence: { ...measured, by },
      isThin: !isSeen && windows < FEW_WINDOWS,
      next,
      better,
    };
  },
);

/** A better plan of the same number of blocks, by an order or the iterative search, if known. */
const betterPlan = derive(
  (state: StudioState) => [
    state.plan.present.removed,
    measuredPlans(state),
    knownOrders(state),
    unlockedBlocks(state),
    state.search.path,
  ],
  (removed, plans, orders, unlocked, path): BetterPlan | null => {
    const own = plans.get(removed.join());
    if (!own || removed.some((unit) => typeof unit !== 'number')) return null;
    const k = removed.length;
    const chosen = orders.map(({ label, take }) => ({
      by: label,
      removed: sortUnits(take(unlocked, k)),
    }));
    const steps = path?.steps.slice(0, Math.max(0, k - path.request.start.length)) ?? [];
    const searched = [...(path?.request.start ?? []), ...steps.map(({ block }) => block)];
    chosen.push({ by: 'The iterative search', removed: sortUnits(searched) });
    const isAllowed = (units: readonly Unit[]) =>
      units.length === k &&
      units.every((unit) => typeof unit === 'number' && unlocked.includes(unit));
    let best: MeasuredPlan | null = null;
    for (const one of chosen) {
      const plan = isAllowed(one.removed) ? plans.get(one.removed.join()) : undefined;
      if (plan && plan.nll < (best?.nll ?? own.nll)) best = plan;
    }
    if (!best) return null;
    const key = best.removed.join();
    return {
      removed: best.removed,
      by: chosen.filter((one) => one.removed.join() === key).map(({ by }) => by),
      ppl: pplWords(Math.exp(best.nll), 3),
      own: pplWords(Math.exp(own.nll), 3),
    };
  },
);
