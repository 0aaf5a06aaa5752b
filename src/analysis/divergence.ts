// Where two texts of token ids part; must not know what the ids mean.

interface Text {
  ids: readonly number[];
  /** Why it ended, or null while it goes on. */
  done: 'length' | 'eos' | null;
}

/**
 * Index of the first new token that differs, or that only one has because the other ended its text;
 * null while they are the same so far.
 */
export function firstDifference(a: Text, b: Text): number | null {
  const shorter = a.ids.length <= b.ids.length ? a : b;
  const index = shorter.ids.findIndex((_, i) => a.ids[i] !== b.ids[i]);
  if (index >= 0) return index;
  return a.ids.length !== b.ids.length && shorter.done === 'eos' ? shorter.ids.length : null;
}
