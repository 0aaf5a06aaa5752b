// How many instructions a text has, to be said before any is learned: counted, not checked.

import type { HealText } from '../../contract/heal.ts';

const counts = new WeakMap<HealText, number | null>();

/**
 * Rows of a JSON array, or of a JSONL. Null for a text, and where the file cannot be read: the
 * healing then says why.
 */
export function instructionCount(text: HealText): number | null {
  if (text.kind !== 'instructions') return null;
  let count = counts.get(text);
  if (count === undefined) {
    count = rowsIn(text.text);
    counts.set(text, count);
  }
  return count;
}

function rowsIn(text: string): number | null {
  if (!/^\uFEFF?\s*\[/.test(text)) return (text.match(/^.*\S.*$/gm) ?? []).length;
  try {
    const rows: unknown = JSON.parse(text.replace(/^\uFEFF/, ''));
    return Array.isArray(rows) ? rows.length : null;
  } catch {
    return null;
  }
}
