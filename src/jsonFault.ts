// Finds where a text stops being JSON, as no browser says in the same words, and some do not say
// at all.

/** Lines and columns from 1. `found` is the character there, '' at the end of the text. */
export interface JsonFault {
  line: number;
  column: number;
  found: string;
}

type Expected = 'value' | 'value or ]' | 'key' | 'key or }' | 'colon' | 'comma' | 'end';

const SPACE = /[\t\n\r ]*/y;
const PLAIN = /(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?![\w.+-])/y;

/** The first fault of a text, or null for one that is JSON. Linear in its length. */
export function jsonFault(text: string): JsonFault | null {
  const open: ('{' | '[')[] = [];
  const afterValue = (): Expected => (open.length > 0 ? 'comma' : 'end');
  let expected: Expected = 'value';
  for (let at = past(SPACE, text, 0); ; ) {
    const sign = text[at] ?? '';
    const close = open.at(-1) === '{' ? '}' : ']';
    let next = at + 1;
    if (expected === 'end') return sign === '' ? null : faultAt(text, at);
    if (expected === 'colon' && sign === ':') expected = 'value';
    else if (expected === 'comma' && sign === ',') expected = close === '}' ? 'key' : 'value';
    else if (open.length > 0 && sign === close && mayClose(expected)) {
      open.pop();
      expected = afterValue();
    } else if (expected.startsWith('key')) {
      next = stringEnd(text, at);
      if (next < 0) return faultAt(text, -next - 1);
      expected = 'colon';
    } else if (!expected.startsWith('value')) return faultAt(text, at);
    else if (sign === '{' || sign === '[') {
      open.push(sign);
      expected = sign === '{' ? 'key or }' : 'value or ]';
    } else {
      next = sign === '"' ? stringEnd(text, at) : past(PLAIN, text, at);
      if (next < 0) return faultAt(text, -next - 1);
      if (next === at) return faultAt(text, at);
      expected = afterValue();
    }
    at = past(SPACE, text, next);
  }
}

const mayClose = (expected: Expected) =>
  expected === 'comma' || expected === 'key or }' || expected === 'value or ]';

function past(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : at;
}

/** Position after the string that begins at `at`; `-1 - fault` when there is none. */
function stringEnd(text: string, at: number): number {
  if (text[at] !== '"') return -1 - at;
  for (let k = at + 1; k < text.length; k++) {
    const code = text.charCodeAt(k);
    if (code === 0x22) return k + 1;
    if (code < 0x20) return -1 - k;
    if (code !== 0x5c) continue;
    k++;
    if (text[k] === 'u' && /^[\da-f]{4}$/i.test(text.slice(k + 1, k + 5))) k += 4;
    else if (k < text.length && !'"\\/bfnrt'.includes(text[k]!)) return -1 - k;
  }
  return -1 - text.length;
}

function faultAt(text: string, at: number): JsonFault {
  const before = text.slice(0, at).split('\n');
  const found = text.codePointAt(at);
  return {
    line: before.length,
    column: before.at(-1)!.length + 1,
    found: found === undefined ? '' : String.fromCodePoint(found),
  };
}
