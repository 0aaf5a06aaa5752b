// The arguments of filters, tests, methods and functions.

import { type Keywords, numberOf, TemplateError, typeName, type Value } from './values.ts';

/** Gives the arguments of one call by place or by name, and refuses those that nobody asked for. */
export class Given {
  private readonly positional: readonly Value[];
  private readonly keywords: Keywords;
  private readonly asked = new Set<string>();
  private readonly what: string;
  private place = 0;

  constructor(what: string, positional: readonly Value[], keywords: Keywords) {
    this.what = what;
    this.positional = positional;
    this.keywords = keywords;
  }

  /** The next argument, or undefined when it is not given. */
  next(name: string): Value | undefined {
    this.asked.add(name);
    const value = this.positional[this.place++];
    return value === undefined ? this.keywords.get(name) : value;
  }

  /** The next argument, or another value when it is not given; None is given. */
  or<T extends Value | undefined>(name: string, absent: T): Value | T {
    const value = this.next(name);
    return value === undefined ? absent : value;
  }

  need(name: string): Value {
    const value = this.next(name);
    if (value === undefined) throw new TemplateError(`${this.what} needs ${name}`);
    return value;
  }

  text(name: string, absent?: string): string {
    const value = this.or(name, absent);
    if (typeof value === 'string') return value;
    throw this.wrong(name, 'a text', value);
  }

  whole(name: string, absent?: number): number {
    const value = this.or(name, absent);
    const number = value === undefined || typeof value === 'object' ? null : numberOf(value);
    if (number === null) throw this.wrong(name, 'a whole number', value);
    return number;
  }

  /** A whole number, or null when it is not given or None. */
  count(name: string): number | null {
    const value = this.next(name);
    if (value === undefined || value === null) return null;
    if (typeof value === 'number') return value;
    throw this.wrong(name, 'a whole number', value);
  }

  /** All arguments by place that are left. */
  rest(): readonly Value[] {
    const rest = this.positional.slice(this.place);
    this.place = this.positional.length;
    return rest;
  }

  /** A keyword that has no place. */
  named(name: string): Value | undefined {
    this.asked.add(name);
    return this.keywords.get(name);
  }

  end(): void {
    if (this.positional.length > this.place)
      throw new TemplateError(`${this.what} has ${this.positional.length} arguments, too many`);
    for (const name of this.keywords.keys())
      if (!this.asked.has(name)) throw new TemplateError(`${this.what} has no argument ${name}`);
  }

  private wrong(name: string, type: string, value: Value | undefined): TemplateError {
    const found = value === undefined ? 'missing' : typeName(value);
    return new TemplateError(`${name} of ${this.what} should be ${type}, but is ${found}`);
  }
}

/** What filters need of the template that they run in. */
export interface Runner {
  /** Applies a filter by its name. */
  filter(name: string, value: Value, args: readonly Value[]): Value;
}

export type Filter = (value: Value, given: Given, runner: Runner) => Value;
