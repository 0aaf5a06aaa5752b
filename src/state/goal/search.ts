// Looks for the fewest removals that meet the goal, by computed sizes or by measuring.

import { type Goal, meetsGoal, nextPlan, type Candidate as Tried } from '../../analysis/goal.ts';
import type { Unit } from '../../units.ts';
import { REASONS } from '../../words/goal.ts';
import type { Context } from '../context.ts';
import { type Candidate, candidatesOf, mostRemovals } from './candidates.ts';
import { isMet, type Measuring } from './measuring.ts';
import type { Quality } from './quality.ts';
import { exactly, expected, measuredGoal, type Reading, sizeOf, targetBytes } from './target.ts';

/** A plan with what was found out about it. */
export interface Tested extends Candidate {
  /** Bytes, or what was measured; null where it was not. */
  reading: Reading | null;
}

/** How the search ended; `why` no plan meets the goal, in words. */
export type Outcome =
  | { end: 'met' | 'probably'; plan: Tested }
  | { end: 'original'; reading: Reading }
  | { end: 'unreachable'; why: string; closest: Tested | null };

interface Parts {
  quality: Quality;
  measuring: Measuring;
}

/** Why the bound of perplexity stands in the way. */
function boundReason({ get }: Context, { removed, rise }: Candidate): string {
  const { maxRise } = get().goal;
  return REASONS.bound(removed.length, rise ?? Number.NaN, maxRise ?? 0);
}

export async function searchBySize(context: Context, { quality }: Parts): Promise<Outcome> {
  const { get } = context;
  const target = targetBytes(get()) ?? 0;
  const bytes = (removed: readonly Unit[]) => sizeOf(get(), removed) ?? Number.POSITIVE_INFINITY;
  const test = (one: Candidate): Tested => ({ ...one, reading: exactly(bytes(one.removed)) });
  if (bytes([]) <= target) return { end: 'original', reading: exactly(bytes([])) };
  const most = mostRemovals(get());
  for (let k = 1; k <= most; k++) {
    if (!candidatesOf(get(), k).some(({ removed }) => bytes(removed) <= target)) continue;
    const best = await quality.bestAt(k, true);
    if (!best || bytes(best.removed) > target) continue;
    if (quality.keeps(best)) return { end: 'met', plan: test(best) };
    const within = await quality.mostWithin(k);
    return {
      end: 'unreachable',
      why: boundReason(context, best),
      closest: within && test(within),
    };
  }
  const best = most > 0 ? await quality.bestAt(most, false) : null;
  const within = best && !quality.keeps(best) ? await quality.mostWithin(most) : best;
  return { end: 'unreachable', why: REASONS.tooFew(most), closest: within && test(within) };
}

export async function searchByMeasuring(
  context: Context,
  { quality, measuring }: Parts,
): Promise<Outcome> {
  const { get } = context;
  const { kind } = get().goal;
  const original = kind === 'faster' ? null : await measuring.original();
  const goal = measuredGoal(get(), original?.speed.throughput.mean ?? Number.NaN);
  // A gain over itself is 1.
  const start = exactly(kind === 'memory' && original ? original.deviceBytes : 1);
  if (meetsGoal(start.value, goal)) return { end: 'original', reading: start };
  const tested = new Map<number, Tested>();
  let limit = mostRemovals(get());
  let broken: Candidate | null = null;
  for (;;) {
    const next = nextPlan(triedUpTo(context, limit, start, tested), goal);
    const best = fewestThatMeet(tested, goal);
    if (best?.reading && (next.kind !== 'try' || !isWorthTrying(next, best, goal)))
      return { end: isMet(best.reading, goal) ? 'met' : 'probably', plan: best };
    if (next.kind !== 'try') break;
    const plan = await quality.bestAt(next.k, true);
    if (!plan) limit = next.k - 1;
    else if (quality.keeps(plan))
      tested.set(next.k, { ...plan, reading: await measuring.read(plan.removed, goal) });
    else {
      broken = plan;
      limit = (await quality.mostWithin(next.k))?.removed.length ?? 0;
    }
  }
  const farthest = [...tested.values()].reduce<Tested | null>(
    (most, one) => (most && most.removed.length > one.removed.length ? most : one),
    null,
  );
  return {
    end: 'unreachable',
    why: broken ? boundReason(context, broken) : REASONS.tooFew(limit),
    closest: farthest,
  };
}

function fewestThatMeet(tested: ReadonlyMap<number, Tested>, goal: Goal): Tested | null {
  const hits = [...tested].filter(([, { reading }]) => reading && meetsGoal(reading.value, goal));
  return hits.sort(([a], [b]) => a - b)[0]?.[1] ?? null;
}

/** False where one removal less is not expected to do: nothing is gained by measuring it. */
const isWorthTrying = (
  { k, expected: value }: { k: number; expected: number | null },
  best: Tested,
  goal: Goal,
): boolean => k > best.removed.length || value === null || meetsGoal(value, goal);

/** What is expected and known of 0 to `limit` removals. */
function triedUpTo(
  { get }: Context,
  limit: number,
  start: Reading,
  tested: ReadonlyMap<number, Tested>,
): Tried[] {
  return Array.from({ length: limit + 1 }, (_, k) => {
    if (k === 0) return { estimated: start.value, measured: start.value };
    const removed = tested.get(k)?.removed ?? candidatesOf(get(), k)[0]?.removed;
    return {
      estimated: removed ? (expected(get(), removed)?.value ?? null) : null,
      measured: tested.get(k)?.reading?.value ?? null,
    };
  });
}
