// A stretch of text on its way to tokens, and the ways of splitting it.

/** A stretch of the text that contains no added token. */
export interface Piece {
  text: string;
  /**
   * True when it begins with what the first character of the whole text became; null when that
   * cannot be said, since something else was put there, of which it may hold a part.
   */
  atStart: boolean | null;
}

/** A part of a piece, from and to in UTF-16 units. */
export function slice({ text, atStart }: Piece, from: number, to: number): Piece {
  return { text: text.slice(from, to), atStart: from === 0 || atStart === null ? atStart : false };
}

export const BEHAVIORS = [
  'Removed',
  'Isolated',
  'MergedWithPrevious',
  'MergedWithNext',
  'Contiguous',
] as const;
export type Behavior = (typeof BEHAVIORS)[number];

/** From and to in UTF-16 units, and whether it is a delimiter. */
type Span = [from: number, to: number, delimiter: boolean];

/**
 * Every match of a global pattern as [from, to]; an empty match right after another one does not
 * count, as in Oniguruma's iterator.
 */
function* matches(text: string, pattern: RegExp): Generator<[number, number]> {
  let end = -1;
  for (const match of text.matchAll(pattern)) {
    const to = match.index + match[0].length;
    if (match[0] === '' && match.index === end) continue;
    end = to;
    yield [match.index, to];
  }
}

/** The text in spans, delimiters (matches of the pattern) and what is between them. */
export function spans(text: string, pattern: RegExp, invert: boolean): Span[] {
  const all: Span[] = [];
  let done = 0;
  for (const [from, to] of matches(text, pattern)) {
    if (from > done) all.push([done, from, invert]);
    all.push([from, to, !invert]);
    done = to;
  }
  if (done < text.length) all.push([done, text.length, invert]);
  return all;
}

/**
 * Splits a piece at the matches of a pattern. Empty pieces are left out.
 * @param invert what the pattern does not match is the delimiter.
 * @source Hugging Face Tokenizers, SplitDelimiterBehavior
 */
export function splitPiece(
  piece: Piece,
  pattern: RegExp,
  behavior: Behavior,
  invert = false,
): Piece[] {
  const kept: Piece[] = [];
  for (const [from, to] of arranged(spans(piece.text, pattern, invert), behavior))
    if (to > from) kept.push(slice(piece, from, to));
  return kept;
}

function arranged(all: Span[], behavior: Behavior): Span[] {
  switch (behavior) {
    case 'Isolated':
      return all;
    case 'Removed':
      return all.filter(([, , delimiter]) => !delimiter);
    case 'Contiguous':
      return merged(all, (delimiter, before) => delimiter === before);
    case 'MergedWithPrevious':
      return merged(all, (delimiter, before) => delimiter && !before);
    case 'MergedWithNext':
      // The same seen from the end.
      return merged(all.reverse(), (delimiter, before) => delimiter && !before).reverse();
  }
}

function merged(all: Span[], joins: (delimiter: boolean, before: boolean) => boolean): Span[] {
  const out: Span[] = [];
  let before = false;
  for (const [from, to, delimiter] of all) {
    const last = out.at(-1);
    if (last && joins(delimiter, before)) {
      last[0] = Math.min(last[0], from);
      last[1] = Math.max(last[1], to);
    } else out.push([from, to, delimiter]);
    before = delimiter;
  }
  return out;
}

/** Whether a character is white space by Unicode. */
export function isSpace(char: string): boolean {
  return /\p{White_Space}/u.test(char);
}
