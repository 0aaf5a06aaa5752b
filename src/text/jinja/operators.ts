// Arithmetic, membership, subscripts and attributes, as Python has them.

import { formatted } from './format.ts';
import { method } from './methods.ts';
import {
  Attributes,
  compare,
  equal,
  Float,
  iterate,
  keyOf,
  Namespace,
  numberOf,
  orUndefined,
  TemplateError,
  Tuple,
  typeName,
  Undefined,
  unsupported,
  type Value,
  View,
} from './values.ts';

/** Most characters or items that a multiplication makes. */
const MAX_REPEATED = 1_000_000;

/** `left operator right` for + - * / // % and **. @throws TemplateError when Python does */
export function arithmetic(operator: string, left: Value, right: Value): Value {
  for (const side of [left, right])
    if (side instanceof Undefined) throw new TemplateError(side.what);
  const [a, b] = [numberOf(left), numberOf(right)];
  if (a !== null && b !== null) {
    const float = left instanceof Float || right instanceof Float;
    return numeric(operator, a, b, float);
  }
  if (operator === '+') {
    if (typeof left === 'string' && typeof right === 'string') return left + right;
    if (Array.isArray(left) && Array.isArray(right)) return [...left, ...right];
    if (left instanceof Tuple && right instanceof Tuple)
      return new Tuple([...left.items, ...right.items]);
  }
  if (operator === '*') {
    if (typeof right === 'number') return repeated(left, right);
    if (typeof left === 'number') return repeated(right, left);
  }
  if (operator === '%' && typeof left === 'string')
    return formatted(left, right instanceof Tuple ? right.items : [right]);
  throw new TemplateError(`${typeName(left)} ${operator} ${typeName(right)} is not possible`);
}

function numeric(operator: string, a: number, b: number, float: boolean): Value {
  const made = (value: number): Value => {
    if (float) return new Float(value);
    if (!Number.isSafeInteger(value)) throw unsupported('whole numbers beyond 2^53');
    return value;
  };
  if ((operator === '/' || operator === '//' || operator === '%') && b === 0)
    throw new TemplateError('division by zero');
  switch (operator) {
    case '+':
      return made(a + b);
    case '-':
      return made(a - b);
    case '*':
      return made(a * b);
    case '/':
      return new Float(a / b);
    case '//':
      return made(Math.floor(a / b));
    case '%':
      return made(a - b * Math.floor(a / b));
    default: {
      const power = a ** b;
      if (!Number.isFinite(power)) throw new TemplateError(`${a} ** ${b} is no number`);
      return float || b < 0 ? new Float(power) : made(power);
    }
  }
}

function repeated(value: Value, times: number): Value {
  const count = Math.max(0, times);
  const size = typeof value === 'string' || Array.isArray(value) ? value.length : 0;
  if (size * count > MAX_REPEATED) throw new TemplateError('a repetition is too long');
  if (typeof value === 'string') return value.repeat(count);
  if (Array.isArray(value)) return Array.from({ length: count }, () => value).flat(1);
  throw new TemplateError(`${typeName(value)} cannot be repeated`);
}

/** One comparison of a chain, such as `<` or `not in`. */
export function compares(operator: string, left: Value, right: Value): boolean {
  switch (operator) {
    case '==':
      return equal(left, right);
    case '!=':
      return !equal(left, right);
    case 'in':
      return contains(right, left);
    case 'not in':
      return !contains(right, left);
    default: {
      const order = compare(left, right);
      if (Number.isNaN(order)) return false;
      if (operator === '<') return order < 0;
      if (operator === '<=') return order <= 0;
      return operator === '>' ? order > 0 : order >= 0;
    }
  }
}

export function contains(container: Value, item: Value): boolean {
  if (typeof container === 'string') {
    if (typeof item === 'string') return container.includes(item);
    if (item instanceof Undefined) throw new TemplateError(item.what);
    throw new TemplateError(`${typeName(item)} cannot be in a text`);
  }
  if (container instanceof Map)
    return item === null || typeof item !== 'object' ? container.has(item) : false;
  return iterate(container).some((one) => equal(one, item));
}

/** `of.name`: an attribute or method, else the value of that key. */
export function attribute(of: Value, name: string): Value {
  if (of instanceof Undefined) throw new TemplateError(of.what);
  if (name.startsWith('_')) throw new TemplateError(`the attribute ${name} is not safe`);
  const missing = `${typeName(of)} has no attribute ${JSON.stringify(name)}`;
  if (of instanceof Namespace) return orUndefined(of.values.get(name), missing);
  if (of instanceof Attributes) return of.get(name);
  const found = method(of, name);
  if (found) return found;
  return orUndefined(of instanceof Map ? of.get(name) : undefined, missing);
}

/** `of[key]`: an item, else the attribute of that name. */
export function item(of: Value, key: Value): Value {
  if (of instanceof Undefined) throw new TemplateError(of.what);
  if (of instanceof Map) {
    const value = key instanceof Undefined ? undefined : of.get(keyOf(key));
    if (value !== undefined) return value;
  } else if (typeof key === 'number' || typeof key === 'boolean') {
    const items = sequence(of);
    const at = Number(key);
    const value = items?.[at < 0 ? items.length + at : at];
    if (value !== undefined) return value;
  }
  if (typeof key === 'string') return attribute(of, key);
  return new Undefined(`${typeName(of)} has no item ${String(numberOf(key) ?? typeName(key))}`);
}

/** The items of what has places. */
function sequence(value: Value): readonly Value[] | null {
  if (Array.isArray(value)) return value;
  if (typeof value === 'string') return [...value];
  return value instanceof Tuple ? value.items : null;
}

/** `of[start:stop:step]`. */
export function slice(of: Value, bounds: readonly (Value | null)[]): Value {
  if (of instanceof Undefined) throw new TemplateError(of.what);
  const items = sequence(of);
  if (!items) return new Undefined(`${typeName(of)} has no slices`);
  const [start, stop, step] = bounds.map((bound) => {
    if (bound === null) return null;
    if (typeof bound === 'number') return bound;
    throw new TemplateError(`${typeName(bound)} is no bound of a slice`);
  });
  const by = step ?? 1;
  if (by === 0) throw new TemplateError('the step of a slice is 0');
  const n = items.length;
  const low = by > 0 ? 0 : -1;
  const high = by > 0 ? n : n - 1;
  const within = (bound: number | null | undefined, absent: number): number => {
    if (bound === null || bound === undefined) return absent;
    return Math.min(high, Math.max(low, bound < 0 ? bound + n : bound));
  };
  const from = within(start, by > 0 ? low : high);
  const to = within(stop, by > 0 ? high : low);
  const kept: Value[] = [];
  for (let k = from; by > 0 ? k < to : k > to; k += by) kept.push(items[k]!);
  if (typeof of === 'string') return kept.join('');
  return Array.isArray(of) ? kept : new Tuple(kept);
}

/** Whether a value has a length, for the test `sequence`. */
export function isSequence(value: Value): boolean {
  return (
    typeof value === 'string' ||
    Array.isArray(value) ||
    value instanceof Map ||
    value instanceof Tuple ||
    value instanceof View ||
    value instanceof Undefined
  );
}
