// The names that a part of a template sees.

import { orUndefined, type Value } from './values.ts';

export class Scope {
  private readonly names = new Map<string, Value>();
  private readonly outer: Scope | null;

  constructor(outer: Scope | null) {
    this.outer = outer;
  }

  get(name: string): Value {
    return orUndefined(this.find(name), `${JSON.stringify(name)} is undefined`);
  }

  private find(name: string): Value | undefined {
    const value = this.names.get(name);
    if (value !== undefined) return value;
    return this.outer?.find(name);
  }

  set(name: string, value: Value): void {
    this.names.set(name, value);
  }
}
