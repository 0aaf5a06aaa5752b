// The names that a part of a template sees.

import { Undefined, type Value } from './values.ts';

export class Scope {
  private readonly names = new Map<string, Value>();
  private readonly outer: Scope | null;

  constructor(outer: Scope | null) {
    this.outer = outer;
  }

  get(name: string): Value {
    const value = this.names.get(name);
    if (value !== undefined) return value;
    return this.outer?.get(name) ?? new Undefined(`${JSON.stringify(name)} is undefined`);
  }

  set(name: string, value: Value): void {
    this.names.set(name, value);
  }
}
