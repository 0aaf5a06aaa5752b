// The filters of a template.

import type { Filter, Given } from './arguments.ts';
import { formatted } from './format.ts';
import { tojson } from './json.ts';
import { SPACE } from './lexer.ts';
import { capitalized, lines, replaced, stripped } from './methods.ts';
import { SEQUENCE_FILTERS } from './sequenceFilters.ts';
import {
  Float,
  isTrue,
  lengthOf,
  numberOf,
  TemplateError,
  textOf,
  Undefined,
  unsupported,
  type Value,
} from './values.ts';

function fallback(value: Value, given: Given): Value {
  const other = given.or('default_value', '');
  const boolean = isTrue(given.or('boolean', false));
  return value instanceof Undefined || (boolean && !isTrue(value)) ? other : value;
}

/** @source Jinja, filters.py: lines that are empty are not indented, nor is the first */
function indent(value: Value, given: Given): string {
  if (typeof value !== 'string') throw new TemplateError('indent needs a text');
  const width = given.or('width', 4);
  const first = isTrue(given.or('first', false));
  const blank = isTrue(given.or('blank', false));
  if (typeof width !== 'string' && typeof width !== 'number')
    throw new TemplateError('the width of indent should be a number or a text');
  if (typeof width === 'number' && width > 10_000) throw new TemplateError('indent is too wide');
  const by = typeof width === 'string' ? width : ' '.repeat(Math.max(0, width));
  const out = lines(`${value}\n`)
    .map((line, k) => (k > 0 && (blank || line !== '') ? by + line : line))
    .join('\n');
  return first ? by + out : out;
}

function toInt(value: Value, given: Given): Value {
  const other = given.or('default', 0);
  const base = given.whole('base', 10);
  if (base !== 10) throw unsupported('int with a base');
  const number = numberOf(value);
  if (number !== null) return Number.isFinite(number) ? Math.trunc(number) : other;
  const text = typeof value === 'string' ? stripped(value, null, true, true) : '';
  const parsed = FLOAT.test(text) ? Math.trunc(Number(text.replaceAll('_', ''))) : Number.NaN;
  return Number.isSafeInteger(parsed) ? parsed : other;
}

const FLOAT = /^[-+]?(?:\d+(?:_\d+)*\.?\d*|\.\d+)(?:e[-+]?\d+)?$/i;

function toFloat(value: Value, given: Given): Value {
  const other = given.or('default', new Float(0));
  const number = numberOf(value);
  if (number !== null) return new Float(number);
  const text = typeof value === 'string' ? stripped(value, null, true, true) : '';
  return FLOAT.test(text) ? new Float(Number(text.replaceAll('_', ''))) : other;
}

function round(value: Value, given: Given): Value {
  const number = numberOf(value);
  const precision = given.whole('precision', 0);
  const how = given.text('method', 'common');
  if (number === null) throw new TemplateError('round needs a number');
  if (precision !== 0) throw unsupported('round with a precision');
  if (how === 'ceil') return new Float(Math.ceil(number));
  if (how === 'floor') return new Float(Math.floor(number));
  const low = Math.floor(number);
  // A half goes to the even neighbour.
  const rounded = number - low === 0.5 ? low + (Math.abs(low) % 2) : Math.round(number);
  return value instanceof Float ? new Float(rounded) : rounded;
}

function trim(value: Value, given: Given): string {
  const chars = given.or('chars', null);
  if (chars !== null && typeof chars !== 'string')
    throw new TemplateError('the characters to trim should be a text');
  return stripped(textOf(value), chars, true, true);
}

/** Each word with a large first letter; words end at spaces, hyphens and opening brackets. */
function title(value: Value): string {
  return textOf(value)
    .split(new RegExp(`((?:[-({\\[<]|${SPACE})+)`))
    .map(capitalized)
    .join('');
}

function center(value: Value, given: Given): string {
  const text = textOf(value);
  const width = given.whole('width', 80);
  const room = Math.min(width, 10_000) - [...text].length;
  if (room <= 0) return text;
  const before = (room >> 1) + (room & width & 1);
  return ' '.repeat(before) + text + ' '.repeat(room - before);
}

function size(value: Value): number {
  return lengthOf(value);
}

export const FILTERS: Readonly<Record<string, Filter>> = {
  ...SEQUENCE_FILTERS,
  abs: (value) => {
    const number = numberOf(value);
    if (number === null) throw new TemplateError('abs needs a number');
    return value instanceof Float ? new Float(Math.abs(number)) : Math.abs(number);
  },
  capitalize: (value) => capitalized(textOf(value)),
  center,
  count: size,
  d: fallback,
  default: fallback,
  float: toFloat,
  format: (value, given) => formatted(textOf(value), given.rest()),
  indent,
  int: toInt,
  length: size,
  lower: (value) => textOf(value).toLowerCase(),
  replace: (value, given) =>
    replaced(
      textOf(value),
      textOf(given.need('old')),
      textOf(given.need('new')),
      given.count('count'),
    ),
  round,
  safe: (value) => textOf(value),
  string: (value) => textOf(value),
  title,
  tojson,
  trim,
  upper: (value) => textOf(value).toUpperCase(),
  wordcount: (value) => textOf(value).match(/[\p{L}\p{N}_]+/gu)?.length ?? 0,
};
