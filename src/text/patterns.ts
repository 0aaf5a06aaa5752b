// Judges the regular expressions that a tokenizer.json brings, which run on the user's text; must not run one.

import { brokenTokenizer } from './config.ts';

/** Characters of one pattern; the longest known has 500. */
export const MAX_PATTERN_CHARS = 10_000;

/**
 * Refuses patterns that can take time exponential in the text: an unbounded repetition of a group that itself repeats without bound, as in
 * (a+)+. The tokenizers of known models have none. Looks at every `Regex` member of a part of tokenizer.json.
 * @throws EspalierError `tokenizer` with the pattern
 */
export function requireTamePatterns(part: unknown): void {
  if (typeof part !== 'object' || part === null) return;
  for (const [key, value] of Object.entries(part)) {
    if (key !== 'Regex' || typeof value !== 'string') requireTamePatterns(value);
    else if (value.length > MAX_PATTERN_CHARS || repeatsRepetition(value)) {
      const why =
        value.length > MAX_PATTERN_CHARS
          ? `is longer than ${MAX_PATTERN_CHARS} characters`
          : 'repeats a repetition, which can take forever on a text';
      throw brokenTokenizer(`The pattern ${JSON.stringify(value.slice(0, 80))} of tokenizer.json ${why}.`, '');
    }
  }
}

/**
 * A repeated group of a letter and its marks, or of words of these with a space in between: each step begins with a letter or space that
 * nothing before it can take, so that there is one way to read a text. Tokenizers of EXAONE have it.
 */
const LETTERS_WITH_MARKS = /\((?:\?:)?\\p\{L\}\\p\{M\}\*(?:\((?:\?:)? \\p\{L\}\\p\{M\}\*\)\*)?\)(?=[*+])/g;

/** True when an unbounded quantifier follows a group that holds an unbounded quantifier. */
export function repeatsRepetition(source: string): boolean {
  const pattern = source.replace(LETTERS_WITH_MARKS, '\\p{L}');
  /** Per open group: whether it repeats something without bound. */
  const open: boolean[] = [false];
  let inClass = 0;
  /** Whether the last item is a group that repeats without bound. */
  let repeats = false;
  for (let at = 0; at < pattern.length; at++) {
    const c = pattern[at]!;
    if (c === '\\') {
      at++;
      repeats = false;
    } else if (inClass > 0) {
      if (c === '[') inClass++;
      else if (c === ']') inClass--;
    } else if (c === '[') {
      inClass = 1;
      repeats = false;
    } else if (c === '(') {
      open.push(false);
      repeats = false;
    } else if (c === ')') {
      repeats = open.pop() ?? false;
      if (open.length === 0) open.push(false);
      // What a group repeats, the groups around it repeat.
      if (repeats) open[open.length - 1] = true;
    } else if (c === '*' || c === '+' || isOpenCount(pattern, at)) {
      if (repeats) return true;
      open[open.length - 1] = true;
    } else if (c !== '?' && c !== '}') repeats = false;
  }
  return false;
}

/** {2,} at this place: a count without an upper bound. */
function isOpenCount(pattern: string, at: number): boolean {
  return pattern[at] === '{' && /^\{\d{0,9},\}/.test(pattern.slice(at, at + 12));
}
