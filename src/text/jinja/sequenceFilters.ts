// The filters of lists and mappings.

import type { Filter, Given, Runner } from './arguments.ts';
import { arithmetic, item } from './operators.ts';
import { testOf } from './tests.ts';
import {
  compare,
  equal,
  isTrue,
  iterate,
  Lazy,
  orUndefined,
  TemplateError,
  Tuple,
  textOf,
  typeName,
  Undefined,
  unsupported,
  type Value,
} from './values.ts';

type Getter = (value: Value) => Value;

/** What an attribute such as "a.b.0" is of a value; null = the value itself. */
function getter(attribute: Value | undefined, fallback?: Value): Getter {
  if (attribute === undefined || attribute === null) return (value) => value;
  if (typeof attribute !== 'string' && typeof attribute !== 'number')
    throw new TemplateError('an attribute should be a text or a number');
  const parts = typeof attribute === 'number' ? [attribute] : attribute.split('.');
  return (value) => {
    let found = value;
    for (const part of parts) {
      found = item(found, typeof part === 'string' && /^\d+$/.test(part) ? Number(part) : part);
      if (found instanceof Undefined && fallback !== undefined) found = fallback;
    }
    return found;
  };
}

/** Small letters count as large ones unless `sensitive`. */
const folded =
  (get: Getter, sensitive: boolean): Getter =>
  (value) => {
    const found = get(value);
    return typeof found === 'string' && !sensitive ? found.toLowerCase() : found;
  };

function sort(value: Value, given: Given): Value {
  const reverse = isTrue(given.or('reverse', false));
  const sensitive = isTrue(given.or('case_sensitive', false));
  const attribute = given.next('attribute');
  if (typeof attribute === 'string' && attribute.includes(','))
    throw unsupported('sort by several attributes');
  return sorted(iterate(value), folded(getter(attribute), sensitive), reverse);
}

function sorted(items: readonly Value[], key: Getter, reverse: boolean): Value[] {
  const keyed = items.map((one) => ({ one, key: key(one) }));
  keyed.sort((a, b) => (reverse ? compare(b.key, a.key) : compare(a.key, b.key)));
  return keyed.map(({ one }) => one);
}

function dictsort(value: Value, given: Given): Value {
  const sensitive = isTrue(given.or('case_sensitive', false));
  const by = given.text('by', 'key');
  const reverse = isTrue(given.or('reverse', false));
  if (!(value instanceof Map)) throw new TemplateError('dictsort needs a mapping');
  if (by !== 'key' && by !== 'value') throw new TemplateError('dictsort goes by key or value');
  const at = by === 'key' ? 0 : 1;
  const key: Getter = (pair) => (pair as Tuple).items[at]!;
  const pairs = [...value].map((pair) => new Tuple(pair));
  return sorted(pairs, folded(key, sensitive), reverse);
}

function unique(value: Value, given: Given): Value {
  const sensitive = isTrue(given.or('case_sensitive', false));
  const key = folded(getter(given.next('attribute')), sensitive);
  const seen: Value[] = [];
  const kept = iterate(value).filter((one) => {
    const mine = key(one);
    if (seen.some((other) => equal(other, mine))) return false;
    seen.push(mine);
    return true;
  });
  return new Lazy(kept);
}

function extreme(largest: boolean): Filter {
  return (value, given) => {
    const sensitive = isTrue(given.or('case_sensitive', false));
    const key = folded(getter(given.next('attribute')), sensitive);
    let best: Value | undefined;
    for (const one of iterate(value)) {
      if (best === undefined) best = one;
      else {
        const order = compare(key(one), key(best));
        if (largest ? order > 0 : order < 0) best = one;
      }
    }
    return orUndefined(best, 'there is no item in an empty sequence');
  };
}

/** `select`, `reject` and their forms for an attribute. */
function selecting(keeps: boolean, byAttribute: boolean): Filter {
  return (value, given) => {
    const get = getter(byAttribute ? given.need('attribute') : undefined);
    const [name, ...args] = given.rest();
    const named = name === undefined ? null : testOf(name);
    const test = (one: Value): boolean => (named ? named(one, args) : isTrue(one));
    return new Lazy(iterate(value).filter((one) => test(get(one)) === keeps));
  };
}

function map(value: Value, given: Given, runner: Runner): Value {
  const attribute = given.named('attribute');
  const fallback = given.named('default');
  if (attribute !== undefined) return new Lazy(iterate(value).map(getter(attribute, fallback)));
  const [name, ...args] = given.rest();
  if (typeof name !== 'string') throw new TemplateError('map needs a filter or an attribute');
  return new Lazy(iterate(value).map((one) => runner.filter(name, one, args)));
}

function join(value: Value, given: Given): string {
  const between = textOf(given.or('d', ''));
  const get = getter(given.next('attribute'));
  return iterate(value)
    .map((one) => textOf(get(one)))
    .join(between);
}

function sum(value: Value, given: Given): Value {
  const get = getter(given.next('attribute'));
  let total: Value = given.or('start', 0);
  for (const one of iterate(value)) total = arithmetic('+', total, get(one));
  return total;
}

/** @throws TemplateError for what has an order of its own only from the front */
function last(value: Value): Value {
  if (value instanceof Lazy) throw new TemplateError('last needs a list, not what a filter gives');
  return orUndefined(iterate(value).at(-1), 'there is no last item in an empty sequence');
}

function reverse(value: Value): Value {
  if (typeof value === 'string') return [...value].reverse().join('');
  const reversed = [...iterate(value)].reverse();
  return value instanceof Lazy ? reversed : new Lazy(reversed);
}

function batch(value: Value, given: Given): Value {
  const size = given.whole('linecount');
  const fill = given.or('fill_with', null);
  if (size < 1) throw new TemplateError('batch needs a size of at least 1');
  const items = iterate(value);
  const rows: Value[] = [];
  for (let from = 0; from < items.length; from += size) {
    const row = items.slice(from, from + size);
    while (fill !== null && row.length < size && rows.length < 10_000) row.push(fill);
    rows.push(row);
  }
  return new Lazy(rows);
}

export const SEQUENCE_FILTERS: Readonly<Record<string, Filter>> = {
  batch,
  dictsort,
  first: (value) => orUndefined(iterate(value)[0], 'there is no first item in an empty sequence'),
  items: (value) => {
    if (value instanceof Undefined) return new Lazy([]);
    if (!(value instanceof Map)) throw new TemplateError(`${typeName(value)} has no items`);
    return new Lazy([...value].map((pair) => new Tuple(pair)));
  },
  join,
  last,
  list: (value) => [...iterate(value)],
  map,
  max: extreme(true),
  min: extreme(false),
  reject: selecting(false, false),
  rejectattr: selecting(false, true),
  reverse,
  select: selecting(true, false),
  selectattr: selecting(true, true),
  sort,
  sum,
  unique,
};
