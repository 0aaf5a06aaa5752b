// Texts with places for values: the operator % and the method format.

import { Float, numberOf, repr, TemplateError, textOf, unsupported, type Value } from './values.ts';

/** `text % values`, with %s, %r, %d and %f. */
export function formatted(text: string, values: readonly Value[]): string {
  let used = 0;
  const out = text.replace(
    /%(?:%|(-?)(0?)(\d*)(?:\.(\d+))?([a-zA-Z(])|)/g,
    (whole, left, zero, width, digits, kind) => {
      if (whole === '%%') return '%';
      const value = values[used++];
      if (value === undefined) throw new TemplateError('too few values for a text with places');
      const shown = one(kind, value, digits, whole);
      if (left) return shown.padEnd(Number(width));
      return shown.padStart(Number(width), zero ? '0' : ' ');
    },
  );
  if (used < values.length) throw new TemplateError('too many values for a text with places');
  return out;
}

function one(kind: string, value: Value, digits: string | undefined, whole: string): string {
  const number = numberOf(value);
  if (kind === 's' && digits === undefined) return textOf(value);
  if (kind === 'r' && digits === undefined) return repr(value);
  if (kind === 'd' && digits === undefined && number !== null) return String(Math.trunc(number));
  if (kind === 'f' && number !== null) return number.toFixed(Number(digits ?? 6));
  throw unsupported(`the place ${JSON.stringify(whole)} for a value in a text`);
}

/** `text.format(...)`, with {}, {0} and {name}. */
export function braceFormatted(
  text: string,
  values: readonly Value[],
  named: ReadonlyMap<string, Value>,
): string {
  let used = 0;
  return text.replace(/\{\{|\}\}|\{([^{}]*)\}|[{}]/g, (whole, name: string | undefined) => {
    if (whole === '{{' || whole === '}}') return whole[0]!;
    if (name === undefined) throw new TemplateError('a brace stands alone in a text with places');
    if (!/^\w*$/.test(name)) throw unsupported(`the place {${name}} for a value in a text`);
    const value = /^\d*$/.test(name)
      ? values[name === '' ? used++ : Number(name)]
      : named.get(name);
    if (value === undefined) throw new TemplateError(`there is no value for {${name}}`);
    if (value instanceof Float) throw unsupported('a float in format()');
    return textOf(value);
  });
}
