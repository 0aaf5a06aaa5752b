// What Python does with strings where JavaScript differs: prompts are made as the harness does.

/** What `str.strip` takes away: \s without U+FEFF, with U+001C to U+001F and U+0085. */
function isSpace(letter: string): boolean {
  const code = letter.charCodeAt(0);
  return (/\s/.test(letter) && code !== 0xfeff) || (code >= 0x1c && code <= 0x1f) || code === 0x85;
}

/** `str.rstrip`. */
export function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && isSpace(text.charAt(end - 1))) end--;
  return text.slice(0, end);
}

/** `str.strip`. */
export function trim(text: string): string {
  let start = 0;
  while (start < text.length && isSpace(text.charAt(start))) start++;
  return trimEnd(text.slice(start));
}

/** `str.capitalize`: the first letter in title case, all the rest lower. */
export function capitalize(text: string): string {
  const [first = ''] = text;
  // Lower case depends on what stands before (a final sigma), so all of it is lowered at once.
  return titleCase(first) + text.toLowerCase().slice(first.toLowerCase().length);
}

/** Letters whose form at the beginning of a word is no upper case of theirs. */
const TITLES: Readonly<Record<string, string>> = {
  ʼN: 'ʼN',
  Ǆ: 'ǅ',
  Ǉ: 'ǈ',
  Ǌ: 'ǋ',
  Ǳ: 'ǲ',
  ΑΙ: 'ᾼ',
  ΗΙ: 'ῌ',
  ΩΙ: 'ῼ',
};

/**
 * A letter at the beginning of a word: "ß" becomes "Ss". Georgian letters stay as they are.
 * @source Unicode, UnicodeData and SpecialCasing: letters whose title case is not their upper case
 */
function titleCase(letter: string): string {
  if (/[\u10d0-\u10ff]/.test(letter)) return letter;
  if (/[\u1f80-\u1faf]/.test(letter)) return String.fromCharCode(letter.charCodeAt(0) | 8);
  const upper = letter.toUpperCase();
  const [first = ''] = upper;
  // The iota below a vowel, a letter of its own in upper case, stays below.
  const rest = upper.slice(first.length).toLowerCase().replace('ι', '\u0345');
  return TITLES[upper] ?? first + rest;
}
