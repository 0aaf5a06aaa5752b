// What a dropped or pasted text is for a healing: plain text, or instructions as JSON or JSONL.

import type { HealText } from '../../contract/heal.ts';
import { EspalierError } from '../../errors.ts';
import { emptyText } from '../../words/healing.ts';

/** Starts with an object, as a JSONL does, or with a list of objects. */
const LOOKS_LIKE_ROWS = /^\uFEFF?\s*(\[\s*)?\{\s*"/;

/**
 * By what stands in it, whatever its name says: rows are checked where they are read.
 * @throws EspalierError `bad-input` for an empty text
 */
export function healText(name: string, text: string): Exclude<HealText, { kind: 'bundled' }> {
  if (text.trim() === '') {
    const { message, hint } = emptyText(name);
    throw new EspalierError('bad-input', message, hint);
  }
  const isRows = /\.jsonl?$/i.test(name) || LOOKS_LIKE_ROWS.test(text.slice(0, 2000));
  return { kind: isRows ? 'instructions' : 'text', name, text };
}
