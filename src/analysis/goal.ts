// Searches along the one-shot order for the fewest removals that meet a goal; the caller measures.

/** At least this many tokens/s, or at most this many bytes. */
export interface Goal {
  sense: 'atLeast' | 'atMost';
  value: number;
}

/** The plan that removes the k least important blocks, k being its index; in units of the goal. */
export interface Candidate {
  /** The predicted value, or null. */
  estimated: number | null;
  measured: number | null;
}

/**
 * What to do next: measure candidate k, accept it, or give up. `best` is the measured candidate
 * closest to the goal, or null when there is none.
 */
export type NextPlan =
  | { kind: 'try'; k: number; expected: number | null }
  | { kind: 'done'; k: number }
  | { kind: 'impossible'; best: number | null };

export function meetsGoal(value: number, { sense, value: target }: Goal): boolean {
  return sense === 'atLeast' ? value >= target : value <= target;
}

/**
 * The next step of the search for the fewest removals whose measured value meets the goal. It goes
 * up while measurements miss the goal, and down until one removal less is known to miss it. Values
 * are assumed to improve with every removal. Even where noise violates that, the search ends, since
 * each candidate is measured at most once.
 * @param candidates k = 0, 1, ... up to the number of unlocked blocks.
 */
export function nextPlan(candidates: readonly Candidate[], goal: Goal): NextPlan {
  const last = candidates.length - 1;
  const hit = candidates.findIndex(
    ({ measured }) => measured !== null && meetsGoal(measured, goal),
  );
  const upper = hit < 0 ? candidates.length : hit;
  let missed = -1;
  for (let k = 0; k < upper; k++) if (candidates[k]!.measured !== null) missed = k;
  if (missed === last || missed === upper - 1)
    return hit < 0
      ? { kind: 'impossible', best: closest(candidates, goal) }
      : { kind: 'done', k: hit };

  // Everything strictly between the last miss and the first hit is still unmeasured.
  const scale = correction(candidates, missed >= 0 ? missed : hit);
  const expected = (k: number): number | null => {
    const { estimated } = candidates[k]!;
    return estimated === null ? null : estimated * scale;
  };
  let unknown = 0;
  for (let k = missed + 1; k < upper; k++) {
    const value = expected(k);
    if (value === null) unknown++;
    else if (meetsGoal(value, goal)) return { kind: 'try', k, expected: value };
  }
  // No prediction meets the goal: bisect if some are missing, else try the most removals left.
  const k = unknown > 0 ? Math.floor((missed + upper) / 2) : upper - 1;
  return { kind: 'try', k: Math.max(k, missed + 1), expected: expected(Math.max(k, missed + 1)) };
}

/**
 * Measured over predicted value of a candidate, by which predictions for its neighbours are scaled.
 */
function correction(candidates: readonly Candidate[], k: number): number {
  const candidate = candidates[k];
  if (!candidate || candidate.measured === null || candidate.estimated === null) return 1;
  const scale = candidate.measured / candidate.estimated;
  return Number.isFinite(scale) && scale > 0 ? scale : 1;
}

function closest(candidates: readonly Candidate[], { sense }: Goal): number | null {
  let best: number | null = null;
  let top = Number.NEGATIVE_INFINITY;
  for (const [k, { measured }] of candidates.entries()) {
    if (measured === null) continue;
    const rank = sense === 'atLeast' ? measured : -measured;
    if (best === null || rank > top) {
      best = k;
      top = rank;
    }
  }
  return best;
}
