// The methods of texts, lists and mappings.

import { Given } from './arguments.ts';
import { braceFormatted } from './format.ts';
import { SPACE } from './lexer.ts';
import {
  Callable,
  equal,
  iterate,
  keyOf,
  type Mapping,
  TemplateError,
  Tuple,
  Undefined,
  unsupported,
  type Value,
  View,
} from './values.ts';

type Method<T> = (self: T, given: Given) => Value;

/** The method of a value, bound to it; null when it has none of the name. */
export function method(of: Value, name: string): Callable | null {
  const bound = <T>(table: Readonly<Record<string, Method<T>>>, self: T, type: string) => {
    if (!Object.hasOwn(table, name)) return null;
    return new Callable((args, keywords) => {
      const given = new Given(`${name}()`, args, keywords);
      const value = table[name]!(self, given);
      if (type !== 'str' || name !== 'format') given.end();
      return value;
    });
  };
  if (typeof of === 'string') {
    if (name === 'format')
      return new Callable((args, keywords) => braceFormatted(of, args, keywords));
    if (OTHER_TEXT_METHODS.has(name)) throw unsupported(`the method ${name} of texts`);
    return bound(TEXT_METHODS, of, 'str');
  }
  if (of instanceof Map) {
    if (CHANGES.has(name) && !of.has(name)) throw unsupported(`the method ${name} of mappings`);
    return bound(MAPPING_METHODS, of, 'dict');
  }
  if (Array.isArray(of)) {
    if (CHANGES.has(name)) throw unsupported(`the method ${name} of lists, which changes them`);
    return bound(LIST_METHODS, of, 'list');
  }
  return of instanceof Tuple ? bound(LIST_METHODS, of.items, 'tuple') : null;
}

const CHANGES = new Set(
  'append clear extend insert pop popitem remove reverse setdefault sort update fromkeys'.split(
    ' ',
  ),
);
const OTHER_TEXT_METHODS = new Set(
  (
    'casefold encode expandtabs format_map isascii isdecimal isidentifier isnumeric isprintable ' +
    'istitle maketrans translate swapcase'
  ).split(' '),
);

const START = new RegExp(`^${SPACE}+`);
const END = new RegExp(`${SPACE}+$`);

/** Without characters of a set at its ends; null = white space. */
export function stripped(
  text: string,
  chars: string | null,
  left: boolean,
  right: boolean,
): string {
  if (chars === null) {
    const begun = left ? text.replace(START, '') : text;
    return right ? begun.replace(END, '') : begun;
  }
  const all = [...text];
  let [from, to] = [0, all.length];
  while (left && from < to && chars.includes(all[from]!)) from++;
  while (right && to > from && chars.includes(all[to - 1]!)) to--;
  return all.slice(from, to).join('');
}

function charsOf(given: Given): string | null {
  const chars = given.next('chars');
  if (chars === undefined || chars === null) return null;
  if (typeof chars === 'string') return chars;
  throw new TemplateError('the characters to strip should be a text');
}

/** First letter of each word large, the others small. */
function title(text: string): string {
  return text.replace(/\p{L}+/gu, (word) => capitalized(word));
}

export function capitalized(text: string): string {
  const [first = '', ...rest] = text;
  return first.toUpperCase() + rest.join('').toLowerCase();
}

/** Replaces at most `count` times; null = always. */
export function replaced(text: string, old: string, by: string, count: number | null): string {
  if (count === null || count < 0) {
    if (old !== '') return text.replaceAll(old, () => by);
    return by + [...text].map((char) => char + by).join('');
  }
  const parts = old === '' ? ['', ...text, ''] : text.split(old);
  const kept = Math.min(count, parts.length - 1);
  return (
    parts.slice(0, kept + 1).join(by) +
    parts
      .slice(kept + 1)
      .map((p) => old + p)
      .join('')
  );
}

function split(text: string, separator: string | null, most: number, fromRight: boolean): string[] {
  if (separator === '') throw new TemplateError('the separator is empty');
  const parts =
    separator === null
      ? stripped(text, null, true, true)
          .split(new RegExp(`${SPACE}+`))
          .filter((part) => part !== '')
      : text.split(separator);
  // Without a separator, what is left after the last split keeps its white space.
  if (most < 0 || parts.length <= most + (separator === null ? 0 : 1)) return parts;
  if (separator !== null)
    return fromRight
      ? [parts.slice(0, parts.length - most).join(separator), ...parts.slice(parts.length - most)]
      : [...parts.slice(0, most), parts.slice(most).join(separator)];
  let rest = fromRight ? stripped(text, null, false, true) : stripped(text, null, true, false);
  const taken = fromRight ? parts.slice(parts.length - most) : parts.slice(0, most);
  for (const part of fromRight ? [...taken].reverse() : taken)
    rest = fromRight
      ? stripped(rest.slice(0, rest.length - part.length), null, false, true)
      : stripped(rest.slice(part.length), null, true, false);
  return fromRight ? [rest, ...taken] : [...taken, rest];
}

function splitter(fromRight: boolean): Method<string> {
  return (text, given) => {
    const separator = given.or('sep', null);
    if (separator !== null && typeof separator !== 'string')
      throw new TemplateError('the separator should be a text');
    return split(text, separator, given.whole('maxsplit', -1), fromRight);
  };
}

/** What ends a line in Python. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what Python takes for ends
const LINE_END = /(\r\n|[\n-\r\x1c-\x1e\x85\u2028\u2029])/;

export function lines(text: string, keep = false): string[] {
  const all = text.split(LINE_END);
  const out: string[] = [];
  for (let k = 0; k < all.length; k += 2)
    if (k + 1 < all.length || all[k] !== '') out.push(all[k]! + (keep ? (all[k + 1] ?? '') : ''));
  return out;
}

function begins(test: (text: string, part: string) => boolean): Method<string> {
  return (text, given) => {
    const part = given.need('prefix');
    const parts = part instanceof Tuple ? part.items : [part];
    const rest = given.rest();
    if (rest.length > 0) throw unsupported('startswith() or endswith() with places');
    return parts.some((one) => {
      if (typeof one !== 'string') throw new TemplateError('the beginning or end should be a text');
      return test(text, one);
    });
  };
}

/** The place of a part in characters, or -1. */
function find(last: boolean): (text: string, given: Given) => number {
  return (text, given) => {
    const part = given.text('sub');
    if (given.rest().length > 0) throw unsupported('find() and index() with places');
    const at = last ? text.lastIndexOf(part) : text.indexOf(part);
    return at < 0 ? -1 : [...text.slice(0, at)].length;
  };
}

const index =
  (last: boolean): Method<string> =>
  (text, given) => {
    const at = find(last)(text, given);
    if (at < 0) throw new TemplateError('substring not found');
    return at;
  };

function partition(last: boolean): Method<string> {
  return (text, given) => {
    const separator = given.text('sep');
    const at = last ? text.lastIndexOf(separator) : text.indexOf(separator);
    if (at < 0) return new Tuple(last ? ['', '', text] : [text, '', '']);
    return new Tuple([text.slice(0, at), separator, text.slice(at + separator.length)]);
  };
}

const all =
  (pattern: RegExp): Method<string> =>
  (text) =>
    pattern.test(text);

function padded(pad: (text: string, room: number, fill: string) => string): Method<string> {
  return (text, given) => {
    const room = given.whole('width') - [...text].length;
    const fill = given.text('fillchar', ' ');
    if (room > 100_000) throw new TemplateError('a width is too large');
    return room > 0 ? pad(text, room, fill) : text;
  };
}

const TEXT_METHODS: Readonly<Record<string, Method<string>>> = {
  capitalize: capitalized,
  count: (text, given) => {
    const part = given.text('sub');
    return part === '' ? [...text].length + 1 : text.split(part).length - 1;
  },
  center: padded((text, room, fill) => {
    const before = (room >> 1) + (room & ([...text].length + room) & 1);
    return fill.repeat(before) + text + fill.repeat(room - before);
  }),
  endswith: begins((text, part) => text.endsWith(part)),
  find: find(false),
  index: index(false),
  isalnum: all(/^[\p{L}\p{N}]+$/u),
  isalpha: all(/^\p{L}+$/u),
  isdigit: all(/^[\p{Nd}²³¹⁰⁴-⁹₀-₉]+$/u),
  islower: (text) => /\p{Ll}/u.test(text) && !/[\p{Lu}\p{Lt}]/u.test(text),
  isspace: all(new RegExp(`^${SPACE}+$`)),
  isupper: (text) => /\p{Lu}/u.test(text) && !/[\p{Ll}\p{Lt}]/u.test(text),
  join: (text, given) =>
    iterate(given.need('iterable'))
      .map((part) => {
        if (typeof part === 'string') return part;
        throw new TemplateError('join() takes texts only');
      })
      .join(text),
  ljust: padded((text, room, fill) => text + fill.repeat(room)),
  lower: (text) => text.toLowerCase(),
  lstrip: (text, given) => stripped(text, charsOf(given), true, false),
  partition: partition(false),
  removeprefix: (text, given) => {
    const part = given.text('prefix');
    return text.startsWith(part) ? text.slice(part.length) : text;
  },
  removesuffix: (text, given) => {
    const part = given.text('suffix');
    return part !== '' && text.endsWith(part) ? text.slice(0, -part.length) : text;
  },
  replace: (text, given) =>
    replaced(text, given.text('old'), given.text('new'), given.count('count')),
  rfind: find(true),
  rindex: index(true),
  rjust: padded((text, room, fill) => fill.repeat(room) + text),
  rpartition: partition(true),
  rsplit: splitter(true),
  rstrip: (text, given) => stripped(text, charsOf(given), false, true),
  split: splitter(false),
  splitlines: (text, given) => lines(text, given.next('keepends') === true),
  startswith: begins((text, part) => text.startsWith(part)),
  strip: (text, given) => stripped(text, charsOf(given), true, true),
  title,
  upper: (text) => text.toUpperCase(),
  zfill: (text, given) => {
    const [, sign = '', digits = ''] = /^([-+]?)(.*)$/s.exec(text) ?? [];
    return sign + digits.padStart(given.whole('width') - sign.length, '0');
  },
};

const MAPPING_METHODS: Readonly<Record<string, Method<Mapping>>> = {
  copy: (self) => new Map(self),
  get: (self, given) => {
    const key = given.need('key');
    const fallback = given.or('default', null);
    const value = key instanceof Undefined ? undefined : self.get(keyOf(key));
    return value === undefined ? fallback : value;
  },
  items: (self) =>
    new View(
      [...self].map((pair) => new Tuple(pair)),
      'dict_items',
    ),
  keys: (self) => new View([...self.keys()], 'dict_keys'),
  values: (self) => new View([...self.values()], 'dict_values'),
};

const LIST_METHODS: Readonly<Record<string, Method<readonly Value[]>>> = {
  copy: (self) => [...self],
  count: (self, given) => {
    const value = given.need('value');
    return self.filter((item) => equal(item, value)).length;
  },
  index: (self, given) => {
    const value = given.need('value');
    const at = self.findIndex((item) => equal(item, value));
    if (at < 0) throw new TemplateError('the value is not in the list');
    return at;
  },
};
