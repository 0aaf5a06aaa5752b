// Reads untrusted JSON field by field; every error names the field.

import { EspalierError } from '../../errors.ts';
import { blockOf, parseUnit, type Unit } from '../../units.ts';

/** A field of a JSON document together with its path, for error messages. */
export class Field {
  readonly #document: string;
  readonly #path: string;
  readonly #value: unknown;

  constructor(document: string, path: string, value: unknown) {
    this.#document = document;
    this.#path = path;
    this.#value = value;
  }

  /** The named member; a missing one is a field of value undefined. */
  at(key: string): Field {
    const { value } = this.#is('an object', isObject);
    return new Field(this.#document, this.#path ? `${this.#path}.${key}` : key, value[key]);
  }

  get absent(): boolean {
    return this.#value === undefined || this.#value === null;
  }

  get isText(): boolean {
    return typeof this.#value === 'string';
  }

  string(): string {
    return this.#is('a string', (v): v is string => typeof v === 'string').value;
  }

  boolean(): boolean {
    return this.#is('true or false', (v): v is boolean => typeof v === 'boolean').value;
  }

  number(): number {
    return this.#is('a number', (v): v is number => typeof v === 'number').value;
  }

  /** A setting of any plain kind. */
  scalar(): number | string | boolean {
    return this.#is('a number, a string, true or false', (v): v is number | string | boolean =>
      ['number', 'string', 'boolean'].includes(typeof v),
    ).value;
  }

  /** A whole number of 0 or more. */
  count(): number {
    return this.#is('a whole number', (v): v is number => Number.isInteger(v) && (v as number) >= 0)
      .value;
  }

  /** JSON has no Infinity: null stands for a value beyond float64. */
  numberOrInfinity(): number {
    return this.#value === null ? Number.POSITIVE_INFINITY : this.number();
  }

  oneOf<T extends string>(values: readonly T[]): T {
    return this.#is(values.join(' or '), (v): v is T => values.includes(v as T)).value;
  }

  list<T>(read: (item: Field) => T): T[] {
    const { value } = this.#is('a list', Array.isArray);
    return value.map((item, k) => read(new Field(this.#document, `${this.#path}[${k}]`, item)));
  }

  record<T>(read: (item: Field) => T): Record<string, T> {
    const { value } = this.#is('an object', isObject);
    return Object.fromEntries(Object.keys(value).map((key) => [key, read(this.at(key))]));
  }

  /** Null for a missing or null field. */
  optional<T>(read: (field: Field) => T): T | null {
    return this.absent ? null : read(this);
  }

  /** @throws EspalierError `bad-input` that names this field. */
  fail(expected: string): never {
    const found = JSON.stringify(this.#value)?.slice(0, 60) ?? 'nothing';
    throw new EspalierError(
      'bad-input',
      `${this.#document} is not usable: ${this.#path ? `"${this.#path}"` : 'the whole'} ` +
        `should be ${expected} but is ${found}.`,
      'Use the file as Espalier wrote it, or score the model again.',
    );
  }

  #is<T>(expected: string, test: (value: unknown) => value is T): { value: T } {
    return test(this.#value) ? { value: this.#value } : this.fail(expected);
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Reads the index of one of `numBlocks` blocks. */
export function block(numBlocks: number): (field: Field) => number {
  return (field) => {
    const index = field.count();
    return index < numBlocks ? index : field.fail(`a block index below ${numBlocks}`);
  };
}

/** Reads a block index or a sublayer of a block ("7.attn"). */
export function unit(numBlocks: number): (field: Field) => Unit {
  return (field) => {
    if (!field.isText) return block(numBlocks)(field);
    const found = parseUnit(field.string());
    const known = typeof found === 'string' && blockOf(found) < numBlocks;
    return known
      ? found
      : field.fail(`a block index below ${numBlocks}, or a sublayer of such a block ("3.attn")`);
  };
}
