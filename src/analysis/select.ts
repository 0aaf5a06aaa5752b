// Selects how many of the largest values reach a given number or sum, without sorting.

/** A value, and the number or sum of the values above it. */
export interface Selected {
  value: number;
  above: number;
}

/**
 * The largest v such that the values >= v reach `target`, in number (`count`: the target-th largest
 * value) or in sum (`sum`: values >= 0). When all values together fall short, by rounding, v is the
 * smallest. Reorders `values`. O(n) expected: quickselect with three-way partitioning.
 * @param values at least one value, no NaN.
 * @source Hoare, Algorithm 65: Find (1961); Bentley and McIlroy, Engineering a Sort Function
 *   (1993), for equal values
 */
export function selectFromTop(values: Float64Array, target: number, by: 'count' | 'sum'): Selected {
  let from = 0;
  let to = values.length;
  let above = 0;
  let found: Selected = { value: Number.NaN, above: 0 };
  while (from < to) {
    const pivot = medianOfThree(values[from]!, values[(from + to) >> 1]!, values[to - 1]!);
    // Values in [from, equal) are above the pivot, in [equal, at) equal to it, in [less, to) below.
    let equal = from;
    let less = to;
    let sum = 0;
    for (let at = from; at < less; ) {
      const value = values[at]!;
      if (value > pivot) {
        sum += value;
        values[at++] = values[equal]!;
        values[equal++] = value;
      } else if (value < pivot) {
        values[at] = values[--less]!;
        values[less] = value;
      } else at++;
    }
    const count = by === 'count';
    const higher = above + (count ? equal - from : sum);
    if (higher >= target && equal > from) {
      to = equal;
      continue;
    }
    found = { value: pivot, above: higher };
    const reached = higher + (less - equal) * (count ? 1 : pivot);
    if (reached >= target) return found;
    above = reached;
    from = less;
  }
  return found;
}

function medianOfThree(a: number, b: number, c: number): number {
  return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
}
