// The values of a template, as Python has them.

/** What goes wrong in a template; the message says it in words. */
export class TemplateError extends Error {}

/** Something that the reference knows and this does not; `what` follows "it uses". */
export function unsupported(what: string): TemplateError {
  return new TemplateError(`it uses ${what}, which is not supported here`);
}

/** A number with a fraction in its type, as 1.0. Whole numbers are numbers of JavaScript. */
export class Float {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

export class Tuple {
  readonly items: readonly Value[];
  constructor(items: readonly Value[]) {
    this.items = items;
  }
}

/** What is not there; `what` says what, as "'x' is undefined". */
export class Undefined {
  readonly what: string;
  constructor(what: string) {
    this.what = what;
  }
}

export function orUndefined(value: Value | undefined, what: string): Value {
  return value === undefined ? new Undefined(what) : value;
}

/** What filters such as `map` give: items that can be gone through once. */
export class Lazy {
  private items: readonly Value[] | null;
  constructor(items: readonly Value[]) {
    this.items = items;
  }
  take(): readonly Value[] {
    const { items } = this;
    this.items = [];
    return items ?? [];
  }
}

/** The keys, values or items of a mapping. */
export class View {
  readonly items: readonly Value[];
  readonly kind: string;
  constructor(items: readonly Value[], kind: string) {
    this.items = items;
    this.kind = kind;
  }
}

export class Namespace {
  readonly values = new Map<string, Value>();
}

export type Keywords = ReadonlyMap<string, Value>;

export class Callable {
  readonly call: (args: readonly Value[], keywords: Keywords) => Value;
  constructor(call: Callable['call']) {
    this.call = call;
  }
}

/** An object with attributes only, such as `loop`. */
export class Attributes {
  readonly get: (name: string) => Value;
  constructor(get: (name: string) => Value) {
    this.get = get;
  }
}

export type Mapping = Map<Key, Value>;
export type Key = string | number | boolean | null;
export type Value =
  | string
  | number
  | boolean
  | null
  | Float
  | Value[]
  | Tuple
  | Mapping
  | Undefined
  | Lazy
  | View
  | Namespace
  | Callable
  | Attributes;

/** The name of a value's type in messages. */
export function typeName(value: Value): string {
  if (value === null) return 'None';
  if (typeof value === 'string') return 'str';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'number') return 'int';
  if (Array.isArray(value)) return 'list';
  if (value instanceof Map) return 'dict';
  return value.constructor.name.toLowerCase();
}

export function isTrue(value: Value): boolean {
  if (value === null || value instanceof Undefined) return false;
  if (value instanceof Float) return value.value !== 0;
  if (value instanceof Map) return value.size > 0;
  if (Array.isArray(value)) return value.length > 0;
  if (value instanceof Tuple || value instanceof View) return value.items.length > 0;
  if (typeof value === 'object') return true;
  return Boolean(value);
}

/** The items of a value in a loop. @throws TemplateError when it cannot be gone through */
export function iterate(value: Value): readonly Value[] {
  if (Array.isArray(value)) return value;
  if (typeof value === 'string') return [...value];
  if (value instanceof Tuple || value instanceof View) return value.items;
  if (value instanceof Map) return [...value.keys()];
  if (value instanceof Lazy) return value.take();
  if (value instanceof Undefined) return [];
  throw new TemplateError(`${typeName(value)} is not iterable`);
}

/** The length of a value. @throws TemplateError when it has none */
export function lengthOf(value: Value): number {
  if (typeof value === 'string') return [...value].length;
  if (value instanceof Map) return value.size;
  if (Array.isArray(value)) return value.length;
  if (value instanceof Tuple || value instanceof View) return value.items.length;
  if (value instanceof Undefined) return 0;
  throw new TemplateError(`${typeName(value)} has no length`);
}

/** The number that a value is in arithmetic, or null. */
export function numberOf(value: Value): number | null {
  if (typeof value === 'number') return value;
  if (typeof value === 'boolean') return Number(value);
  return value instanceof Float ? value.value : null;
}

/** Python's ==. */
export function equal(a: Value, b: Value): boolean {
  const [x, y] = [numberOf(a), numberOf(b)];
  if (x !== null && y !== null) return x === y;
  if (a instanceof Undefined || b instanceof Undefined)
    return a instanceof Undefined && b instanceof Undefined;
  if (Array.isArray(a) && Array.isArray(b)) return sameItems(a, b);
  if (a instanceof Tuple && b instanceof Tuple) return sameItems(a.items, b.items);
  if (a instanceof Map && b instanceof Map)
    return (
      a.size === b.size && [...a].every(([key, value]) => b.has(key) && equal(value, b.get(key)!))
    );
  return a === b;
}

const sameItems = (a: readonly Value[], b: readonly Value[]): boolean =>
  a.length === b.length && a.every((item, k) => equal(item, b[k]!));

/** Negative, 0 or positive as Python orders two values. @throws TemplateError when it does not */
export function compare(a: Value, b: Value): number {
  const [x, y] = [numberOf(a), numberOf(b)];
  if (x !== null && y !== null) return x - y;
  if (typeof a === 'string' && typeof b === 'string') return byCodePoint(a, b);
  const [p, q] = [listed(a), listed(b)];
  if (p && q && Array.isArray(a) === Array.isArray(b)) {
    for (let k = 0; k < Math.min(p.length, q.length); k++)
      if (!equal(p[k]!, q[k]!)) return compare(p[k]!, q[k]!);
    return p.length - q.length;
  }
  if (a instanceof Undefined || b instanceof Undefined)
    throw new TemplateError((a instanceof Undefined ? a : (b as Undefined)).what);
  throw new TemplateError(`${typeName(a)} and ${typeName(b)} have no order`);
}

function listed(value: Value): readonly Value[] | null {
  if (Array.isArray(value)) return value;
  return value instanceof Tuple ? value.items : null;
}

function byCodePoint(a: string, b: string): number {
  const [x, y] = [[...a], [...b]];
  for (let k = 0; k < Math.min(x.length, y.length); k++)
    if (x[k] !== y[k]) return x[k]!.codePointAt(0)! - y[k]!.codePointAt(0)!;
  return x.length - y.length;
}

/** A key of a mapping. Whole floats and booleans are the numbers that they equal. */
export function keyOf(value: Value): Key {
  if (value === null || typeof value === 'string' || typeof value === 'number') return value;
  throw unsupported(`a key that is ${typeName(value)}`);
}

/** What `{{ value }}` writes: Python's str. */
export function textOf(value: Value): string {
  if (typeof value === 'string') return value;
  return value instanceof Undefined ? '' : repr(value);
}

/** Python's repr. */
export function repr(value: Value): string {
  if (value === null) return 'None';
  if (typeof value === 'string') return quoted(value);
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'number') return String(value);
  if (value instanceof Float) return floatText(value.value);
  if (value instanceof Undefined) return 'Undefined';
  if (Array.isArray(value)) return `[${value.map(repr).join(', ')}]`;
  if (value instanceof Tuple)
    return value.items.length === 1
      ? `(${repr(value.items[0]!)},)`
      : `(${value.items.map(repr).join(', ')})`;
  if (value instanceof Map)
    return `{${[...value].map(([k, v]) => `${repr(k)}: ${repr(v)}`).join(', ')}}`;
  if (value instanceof View) return `${value.kind}([${value.items.map(repr).join(', ')}])`;
  throw unsupported(`the text of a ${typeName(value)}`);
}

/** A float as Python writes it: with a point or an exponent, always. */
export function floatText(value: number): string {
  if (!Number.isFinite(value)) {
    if (Number.isNaN(value)) return 'nan';
    return value > 0 ? 'inf' : '-inf';
  }
  if (Object.is(value, -0)) return '-0.0';
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e16)) {
    const [digits, exponent = '0'] = value.toExponential().split('e');
    const power = Number(exponent);
    return `${digits}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
  }
  const text = String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}

function quoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  let out = '';
  for (const char of text) {
    const code = char.codePointAt(0)!;
    if (char === quote || char === '\\') out += `\\${char}`;
    else if (char === '\n') out += '\\n';
    else if (char === '\r') out += '\\r';
    else if (char === '\t') out += '\\t';
    else if (char !== ' ' && /[\p{C}\p{Z}]/u.test(char)) out += hexEscape(code);
    else out += char;
  }
  return quote + out + quote;
}

function hexEscape(code: number): string {
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, '0')}`;
  if (code < 0x10000) return `\\u${code.toString(16).padStart(4, '0')}`;
  return `\\U${code.toString(16).padStart(8, '0')}`;
}
