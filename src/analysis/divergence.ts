// The first difference between two generated texts.

interface Text {
  ids: readonly number[];
  /** Why it ended, or null while it is being generated. */
  done: 'length' | 'eos' | null;
}

/**
 * Index of the first token that differs, or that only one text has because the other has ended;
 * null while there is no difference.
 */
export function firstDifference(a: Text, b: Text): number | null {
  const shorter = a.ids.length <= b.ids.length ? a : b;
  const index = shorter.ids.findIndex((_, i) => a.ids[i] !== b.ids[i]);
  if (index >= 0) return index;
  return a.ids.length !== b.ids.length && shorter.done === 'eos' ? shorter.ids.length : null;
}
