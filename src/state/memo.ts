// Derived values are computed from the state and remembered, never stored.

/**
 * Remembers the last answer for the same inputs (by identity). `pick` chooses the parts of the
 * state that matter.
 */
export function derive<S, P extends unknown[], R>(
  pick: (state: S) => readonly [...P],
  compute: (...parts: P) => R,
): (state: S) => R {
  let last: { parts: readonly [...P]; result: R } | null = null;
  return (state) => {
    const parts = pick(state);
    if (last?.parts.every((part, i) => Object.is(part, parts[i]))) return last.result;
    last = { parts, result: compute(...parts) };
    return last.result;
  };
}
