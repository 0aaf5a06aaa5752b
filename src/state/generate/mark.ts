// Where the marked token lies in a generated text. Pure.

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

/**
 * The part of `text` that token `at` brought, widened to whole characters as people see them. A
 * token that brought no character of its own (the first bytes of one) is marked with those that
 * complete it. Null when the text does not reach it.
 * @param ends length of the text after each token, in UTF-16 units
 */
export function markedRange(
  text: string,
  ends: readonly number[],
  at: number,
): [from: number, to: number] | null {
  const start = at === 0 ? 0 : ends[at - 1];
  if (start === undefined || start >= text.length) return null;
  const end = ends.slice(at).find((one) => one > start) ?? text.length;
  const segments = graphemes.segment(text);
  const last = segments.containing(end - 1);
  return [
    segments.containing(start)?.index ?? start,
    last ? last.index + last.segment.length : end,
  ];
}
