// Searches along the one-shot order for the fewest removals whose measured value meets a goal; must
// not measure anything itself.

/** At least so many tokens/s, or at most so many bytes. */
export interface Goal {
  sense: 'atLeast' | 'atMost';
  value: number;
}

/**
 * The plan that leaves out the k least important blocks, k being the candidate's index. In the
 * goal's unit.
 */
export interface Candidate {
  /** What is expected before measuring, or null. */
  estimated: number | null;
  measured: number | null;
}

/**
 * What to do now: measure candidate k, take it, or give up. `best`: the measured candidate that
 * comes closest, or null when there is no candidate.
 */
export type NextPlan =
  | { kind: 'try'; k: number; expected: number | null }
  | { kind: 'done'; k: number }
  | { kind: 'impossible'; best: number | null };

export function meetsGoal(value: number, { sense, value: wanted }: Goal): boolean {
  return sense === 'atLeast' ? value >= wanted : value <= wanted;
}

/**
 * The next step of the search. Ends with the fewest removals whose measured value meets the goal:
 * upwards while measurements miss, downwards while the plan with one removal less is not known to
 * miss. Values are taken to improve with every removal; where noise breaks that, the search still
 * ends, for no candidate is tried twice: at most one measurement per candidate.
 * @param candidates k = 0, 1, ..., as many removals as the locks allow
 */
export function nextPlan(candidates: readonly Candidate[], goal: Goal): NextPlan {
  const last = candidates.length - 1;
  const met = candidates.findIndex(
    ({ measured }) => measured !== null && meetsGoal(measured, goal),
  );
  const upper = met < 0 ? candidates.length : met;
  let missed = -1;
  for (let k = 0; k < upper; k++) if (candidates[k]!.measured !== null) missed = k;
  if (missed === last || missed === upper - 1)
    return met < 0
      ? { kind: 'impossible', best: closest(candidates, goal) }
      : { kind: 'done', k: met };

  // Everything strictly between the last miss and the first hit is open and unmeasured.
  const scale = correction(candidates, missed >= 0 ? missed : met);
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
  // Nothing is expected to meet it: halve where nothing is known, else try the strongest that is
  // left.
  const k = unknown > 0 ? Math.floor((missed + upper) / 2) : upper - 1;
  return { kind: 'try', k: Math.max(k, missed + 1), expected: expected(Math.max(k, missed + 1)) };
}

/**
 * Measured over estimated at a candidate that was measured: what the estimates of its neighbours
 * are off by, too.
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
