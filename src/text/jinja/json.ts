// The filter tojson as Transformers has it: Python's json.dumps.

import type { Given } from './arguments.ts';
import {
  Float,
  floatText,
  isTrue,
  iterate,
  type Key,
  TemplateError,
  Tuple,
  typeName,
  type Value,
} from './values.ts';

interface Style {
  ascii: boolean;
  /** Text of one level of indentation; null = everything on one line. */
  indent: string | null;
  item: string;
  key: string;
  sort: boolean;
}

/** @source Hugging Face Transformers, chat template utilities */
export function tojson(value: Value, given: Given): string {
  const ascii = isTrue(given.or('ensure_ascii', false));
  const indentation = given.or('indent', null);
  const separators = given.or('separators', null);
  const sort = isTrue(given.or('sort_keys', false));
  const indent = indentText(indentation);
  const [item, key] =
    separators === null ? [indent === null ? ', ' : ',', ': '] : iterate(separators);
  if (typeof item !== 'string' || typeof key !== 'string')
    throw new TemplateError('the separators of tojson should be two texts');
  return dump(value, { ascii, indent, item, key, sort }, '\n');
}

function indentText(value: Value): string | null {
  if (value === null || typeof value === 'string') return value;
  if (typeof value === 'number' && value < 100) return ' '.repeat(Math.max(0, value));
  throw new TemplateError('the indent of tojson should be a small number');
}

function dump(value: Value, style: Style, line: string): string {
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return text(value, style);
  if (typeof value === 'number') return String(value);
  if (value instanceof Float) return jsonFloat(value.value);
  const inner = style.indent === null ? line : line + style.indent;
  const wrapped = (open: string, parts: readonly string[], close: string): string => {
    if (parts.length === 0) return open + close;
    if (style.indent === null) return open + parts.join(style.item) + close;
    return open + inner + parts.join(style.item + inner) + line + close;
  };
  if (Array.isArray(value) || value instanceof Tuple)
    return wrapped(
      '[',
      iterate(value).map((item) => dump(item, style, inner)),
      ']',
    );
  if (value instanceof Map) {
    const entries = [...value].map(([key, item]) => [keyText(key), item] as const);
    if (style.sort) entries.sort(([a], [b]) => (a < b ? -1 : Number(a > b)));
    const parts = entries.map(
      ([key, item]) => text(key, style) + style.key + dump(item, style, inner),
    );
    return wrapped('{', parts, '}');
  }
  throw new TemplateError(`${typeName(value)} cannot be written as JSON`);
}

function keyText(key: Key): string {
  return typeof key === 'string' ? key : String(key);
}

function text(value: string, { ascii }: Style): string {
  const quoted = JSON.stringify(value);
  if (!ascii) return quoted;
  return quoted.replace(/[\x7f-\uffff]/g, (unit) =>
    unit === '\x7f' ? unit : `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function jsonFloat(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? 'Infinity' : '-Infinity';
  return floatText(value);
}
