// Cuts a Jinja template into text and the tokens between its braces, with the white space that tags
// take along.

import { TemplateError } from './values.ts';

export type Token =
  | { type: 'data'; value: string }
  | { type: 'name' | 'string' | 'integer' | 'float' | 'operator'; value: string }
  | { type: 'begin' | 'end'; value: 'variable' | 'block' }
  | { type: 'eof'; value: '' };

/** White space as Python sees it, for patterns. */
export const SPACE =
  '[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]';

const OPENING = new RegExp(
  `\\{%([-+]?)${SPACE}*raw${SPACE}*(?:-%\\}${SPACE}*|%\\})|\\{([%#{])([-+]?)`,
  'g',
);
const RAW_END = new RegExp(
  `\\{%([-+]?)${SPACE}*endraw${SPACE}*(?:\\+%\\}|-%\\}${SPACE}*|%\\}\\n?)`,
  'g',
);
const COMMENT_END = new RegExp(`\\+#\\}|-#\\}${SPACE}*|#\\}\\n?`, 'g');
const BLOCK_END = new RegExp(`\\+%\\}|-%\\}${SPACE}*|%\\}\\n?`, 'y');
const VARIABLE_END = new RegExp(`-\\}\\}${SPACE}*|\\}\\}`, 'y');
const ENDS_IN_SPACE = new RegExp(`${SPACE}+$`);
const ALL_SPACE = new RegExp(`^${SPACE}+$`);
const SPACES = new RegExp(`${SPACE}+`, 'y');
const FLOAT = /(?<!\.)\d+(?:_\d+)*(?:(?:\.\d+(?:_\d+)*)?e[+-]?\d+(?:_\d+)*|\.\d+(?:_\d+)*)/iy;
const INTEGER = /0b(?:_?[01])+|0o(?:_?[0-7])+|0x(?:_?[\da-f])+|[1-9](?:_?\d)*|0(?:_?0)*/iy;
const NAME = /[\p{L}\p{N}_\p{M}]+/uy;
const STRING = /'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"/sy;
const OPERATOR = /\/\/|\*\*|[=!<>]=|[-+*/%~[\](){}<>=.:|,;]/y;
const CLOSES: Readonly<Record<string, string>> = { '}': '{', ')': '(', ']': '[' };

/**
 * The tokens of a template, with trim_blocks and lstrip_blocks as Transformers sets them.
 * @throws TemplateError for what is no template
 * @source Jinja, Template Designer Documentation, "Whitespace Control"
 */
export function tokenize(template: string): Token[] {
  const source = template.replace(/\r\n|\r/g, '\n').replace(/\n$/, '');
  const tokens: Token[] = [];
  let at = 0;
  // True where a line begins, so that blanks before a tag can be its indentation.
  let lineStarts = true;
  const data = (text: string): void => {
    if (text !== '') tokens.push({ type: 'data', value: text });
  };
  const seek = (pattern: RegExp, from: number): RegExpExecArray | null => {
    pattern.lastIndex = from;
    return pattern.exec(source);
  };
  while (at < source.length) {
    const opening = seek(OPENING, at);
    const text = source.slice(at, opening?.index ?? source.length);
    if (!opening) {
      data(text);
      break;
    }
    const [all, rawSign, kind, sign] = opening;
    data(beforeTag(text, rawSign ?? sign ?? '', kind === '{', lineStarts));
    at = opening.index + all.length;
    if (kind === undefined) {
      const end = seek(RAW_END, at);
      if (!end) throw new TemplateError('a raw block has no end');
      data(beforeTag(source.slice(at, end.index), end[1] ?? '', false, all.endsWith('\n')));
      at = end.index + end[0].length;
      lineStarts = end[0].endsWith('\n');
    } else if (kind === '#') {
      const end = seek(COMMENT_END, at);
      if (!end) throw new TemplateError('a comment has no end');
      at = end.index + end[0].length;
      lineStarts = end[0].endsWith('\n');
    } else {
      at = readTag(source, at, kind === '{' ? 'variable' : 'block', tokens);
      lineStarts = source[at - 1] === '\n';
    }
  }
  tokens.push({ type: 'eof', value: '' });
  return tokens;
}

/** The text before a tag without what the tag takes of it. */
function beforeTag(text: string, sign: string, variable: boolean, lineStarts: boolean): string {
  if (sign === '-') return text.replace(ENDS_IN_SPACE, '');
  if (sign === '+' || variable) return text;
  const line = text.lastIndexOf('\n') + 1;
  if (line === 0 && !lineStarts) return text;
  return ALL_SPACE.test(text.slice(line)) ? text.slice(0, line) : text;
}

/** Reads the tokens of a tag. @returns the place after it */
function readTag(source: string, from: number, kind: 'variable' | 'block', out: Token[]): number {
  out.push({ type: 'begin', value: kind });
  const ends = kind === 'variable' ? VARIABLE_END : BLOCK_END;
  const open: string[] = [];
  let at = from;
  const take = (pattern: RegExp): string | null => {
    pattern.lastIndex = at;
    const found = pattern.exec(source)?.[0] ?? null;
    if (found !== null) at += found.length;
    return found;
  };
  while (at < source.length) {
    if (open.length === 0 && take(ends) !== null) {
      out.push({ type: 'end', value: kind });
      return at;
    }
    if (take(SPACES) !== null) continue;
    const float = take(FLOAT);
    const integer = float ?? take(INTEGER);
    const name = integer ?? take(NAME);
    const string = name ?? take(STRING);
    const operator = string ?? take(OPERATOR);
    if (operator === null)
      throw new TemplateError(`unexpected character ${JSON.stringify(source[at])}`);
    if (float !== null) out.push({ type: 'float', value: float });
    else if (integer !== null) out.push({ type: 'integer', value: integer });
    else if (name !== null) out.push({ type: 'name', value: name });
    else if (string !== null) out.push({ type: 'string', value: unescaped(string.slice(1, -1)) });
    else {
      if ('{(['.includes(operator)) open.push(operator);
      else if (CLOSES[operator] !== undefined && open.pop() !== CLOSES[operator])
        throw new TemplateError(`unexpected ${JSON.stringify(operator)}`);
      out.push({ type: 'operator', value: operator });
    }
  }
  throw new TemplateError('a tag has no end');
}

const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  a: '\x07',
  b: '\b',
  f: '\f',
  v: '\v',
  '\\': '\\',
  "'": "'",
  '"': '"',
  '\n': '',
};

/** A string literal's text, with Python's escapes; unknown ones stay as they are. */
function unescaped(text: string): string {
  return text.replace(
    /\\(?:x([\da-f]{2})|u([\da-f]{4})|U([\da-f]{8})|([0-7]{1,3})|(.))/gis,
    (whole, two, four, eight, octal, other: string | undefined) => {
      if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8));
      if (other === undefined) {
        const code = Number.parseInt(two ?? four ?? eight, 16);
        if (code > 0x10ffff) throw new TemplateError(`${whole} is no character`);
        return String.fromCodePoint(code);
      }
      if ('xuUN'.includes(other)) throw new TemplateError(`the escape \\${other} is incomplete`);
      return ESCAPES[other] ?? whole;
    },
  );
}
