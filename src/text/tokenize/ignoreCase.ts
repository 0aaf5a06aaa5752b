// Patterns that ignore case: the two letters beyond ASCII that fold to one of ASCII are written
// out.

import { unsupported } from './options.ts';

/** Long s and the Kelvin sign are a small s and k when case is ignored. */
const FOLDS: Readonly<Record<string, string>> = { s: 'ſ', k: '\u212a' };
/** Letters that one character (ß, ﬀ, ﬁ, ﬂ, ﬆ ...) stands for when case is ignored. */
const JOINED = /ss|ff|fi|fl|st/i;
/** Escapes for sets that hold both cases of every letter. */
const CLOSED = /^\\(?:[nrtfvsSdDwWbBAzZ]|[pP]\{(?:L|N|M|P|S|Z)\}|[^a-zA-Z0-9])/;
const OPENING = /^\((?:\?(?:([a-z]*)(?:-([a-z]+))?([:)])|[=!>]|<[=!]|<\w+>))?/i;

/**
 * The pattern with what ignoring case adds to the letters s and k.
 * @throws EspalierError `tokenizer` where more than that would be needed: letters beyond ASCII,
 *   letters that are joined, properties of one case
 * @source Unicode, CaseFolding.txt
 */
export function withFolds(source: string): string {
  if (!/\(\?[a-z]*i/i.test(source)) return source;
  let out = '';
  const outer: boolean[] = [];
  let ignores = false;
  let letters = '';
  const refuse = (what: string): never => {
    throw unsupported(
      `the pattern ${JSON.stringify(source.slice(0, 80))}`,
      `it ignores the case of ${what}`,
    );
  };
  const end = (): void => {
    if (JOINED.test(letters)) refuse(JSON.stringify(letters));
    letters = '';
  };
  for (let at = 0; at < source.length; ) {
    const rest = source.slice(at, at + 200);
    const char = rest[0]!;
    let taken = char;
    let written = char;
    if (char === '(') {
      const [opening = '(', on, off, close] = OPENING.exec(rest) ?? [];
      if (close !== ')') outer.push(ignores);
      if (on?.includes('i')) ignores = true;
      if (off?.includes('i')) ignores = false;
      taken = opening;
      written = opening;
    } else if (char === ')') ignores = outer.pop() ?? false;
    else if (char === '\\') {
      taken = (/^\\[pPx]\{[^}]*\}/.exec(rest) ?? [rest.slice(0, 2)])[0];
      written = taken;
      if (ignores && !CLOSED.test(taken)) refuse(taken);
    } else if (char === '[') {
      taken = classAt(source, at);
      written = ignores ? foldedClass(taken, refuse) : taken;
    } else if (ignores && /\p{L}/u.test(String.fromCodePoint(source.codePointAt(at)!))) {
      if (!/[a-z]/i.test(char)) refuse(char);
      letters += char;
      const fold = FOLDS[char.toLowerCase()];
      if (fold !== undefined) written = `[${char}${fold}]`;
    }
    if (taken !== char || !/[a-z]/i.test(char)) end();
    out += written;
    at += taken.length;
  }
  end();
  return out;
}

/** The character class that begins at a place. */
function classAt(source: string, from: number): string {
  let at = from + 1;
  if (source[at] === '^') at++;
  if (source[at] === ']') at++;
  for (let depth = 1; depth > 0 && at < source.length; at++) {
    if (source[at] === '\\') at++;
    else if (source[at] === '[') depth++;
    else if (source[at] === ']') depth--;
  }
  return source.slice(from, at);
}

/** A class of ASCII characters and sets of both cases, with what ignoring case adds. */
function foldedClass(text: string, refuse: (what: string) => never): string {
  let rest = text.slice(1, -1).replace(/^\^/, '');
  let added = '';
  while (rest !== '') {
    const escaped = /^\\[pP]\{[^}]*\}|^\\./s.exec(rest)?.[0];
    if (escaped !== undefined) {
      if (!CLOSED.test(escaped)) refuse(text);
      rest = rest.slice(escaped.length);
      continue;
    }
    const range = /^(.)-(.)/su.exec(rest);
    const [taken, low, high] = range ?? [rest[0]!, rest[0]!, rest[0]!];
    // Ranges may hold letters of ASCII only, as [a-z] and [0-9] do.
    if (rest[0] === '[' || high! > '\x7f' || rest.startsWith('&&')) refuse(text);
    for (const [letter, fold] of Object.entries(FOLDS))
      for (const either of [letter, letter.toUpperCase()])
        if (low! <= either && either <= high! && !added.includes(fold)) added += fold;
    rest = rest.slice(taken.length);
  }
  return `${text.slice(0, -1)}${added}]`;
}
