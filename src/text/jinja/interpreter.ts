// Renders a parsed template within a bounded number of steps.

import { Given, type Runner } from './arguments.ts';
import { FILTERS } from './filters.ts';
import { loopValue } from './loop.ts';
import type { Arguments, Expression, FilterCall, Parameter, Statement, Target } from './nodes.ts';
import { arithmetic, attribute, compares, item, slice } from './operators.ts';
import { Scope } from './scope.ts';
import { testOf } from './tests.ts';
import {
  Callable,
  Float,
  isTrue,
  iterate,
  type Keywords,
  keyOf,
  type Mapping,
  Namespace,
  numberOf,
  TemplateError,
  Tuple,
  textOf,
  typeName,
  Undefined,
  unsupported,
  type Value,
} from './values.ts';

/** Characters of a text that count as one step, so that repeated doubling ends too. */
const STEP_CHARS = 64;
/** Most calls of macros within each other. */
const MAX_CALLS = 100;

/** How a list of statements ends. */
type Ending = 'end' | 'break' | 'continue';

export class Interpreter implements Runner {
  private left: number;
  private readonly steps: number;
  private calls = 0;
  private out: string[] = [];

  /** @param steps most evaluations, with lists counted by their length and texts by theirs */
  constructor(steps: number) {
    this.steps = steps;
    this.left = steps;
  }

  /** The text of a template. @throws TemplateError when it fails or takes too many steps */
  render(body: readonly Statement[], scope: Scope): string {
    return this.captured(() => this.run(body, scope));
  }

  filter(
    name: string,
    value: Value,
    args: readonly Value[],
    keywords: Keywords = new Map(),
  ): Value {
    const filter = Object.hasOwn(FILTERS, name) ? FILTERS[name] : undefined;
    if (!filter) throw unsupported(`the filter ${JSON.stringify(name)}`);
    const given = new Given(name, args, keywords);
    const result = filter(value, given, this);
    given.end();
    this.spendOn(result);
    return result;
  }

  private captured(write: () => void): string {
    const outer = this.out;
    this.out = [];
    try {
      write();
      return this.out.join('');
    } finally {
      this.out = outer;
    }
  }

  private spend(steps: number): void {
    this.left -= steps;
    if (this.left < 0) throw new TemplateError(`it does not end within ${this.steps} steps`);
  }

  private spendOn(value: Value): void {
    if (Array.isArray(value)) this.spend(value.length);
    else if (typeof value === 'string') this.spend(Math.floor(value.length / STEP_CHARS));
    else if (value instanceof Map) this.spend(value.size);
  }

  private write(text: string): void {
    this.spend(Math.floor(text.length / STEP_CHARS));
    this.out.push(text);
  }

  private run(body: readonly Statement[], scope: Scope): Ending {
    for (const statement of body) {
      const ending = this.statement(statement, scope);
      if (ending !== 'end') return ending;
    }
    return 'end';
  }

  private statement(node: Statement, scope: Scope): Ending {
    this.spend(1);
    switch (node.kind) {
      case 'data':
        this.write(node.text);
        return 'end';
      case 'output':
        this.write(textOf(this.value(node.value, scope)));
        return 'end';
      case 'if':
        return this.run(isTrue(this.value(node.test, scope)) ? node.yes : node.no, scope);
      case 'for':
        return this.loop(node, scope);
      case 'set':
        this.assign(node.target, this.value(node.value, scope), scope);
        return 'end';
      case 'setBlock': {
        const text = this.captured(() => this.run(node.body, new Scope(scope)));
        this.assign(node.target, this.filtered(text, node.filters, scope), scope);
        return 'end';
      }
      case 'macro':
        scope.set(node.name, this.macro(node.name, node.parameters, node.body, scope));
        return 'end';
      case 'callBlock': {
        const caller = this.macro('caller', node.parameters, node.body, scope);
        if (node.call.kind === 'call')
          this.write(textOf(this.call(node.call.callee, node.call.args, scope, caller)));
        return 'end';
      }
      case 'filterBlock': {
        let ending: Ending = 'end';
        const text = this.captured(() => {
          ending = this.run(node.body, new Scope(scope));
        });
        // What a block has written before it is left is left with it.
        if (ending === 'end') this.write(textOf(this.filtered(text, node.filters, scope)));
        return ending;
      }
      case 'with': {
        const inner = new Scope(scope);
        const values = node.values.map(([, value]) => this.value(value, scope));
        for (const [k, [target]] of node.values.entries()) this.assign(target, values[k]!, inner);
        return this.run(node.body, inner);
      }
      default:
        return node.kind;
    }
  }

  private filtered(text: string, filters: readonly FilterCall[], scope: Scope): Value {
    let value: Value = text;
    for (const { name, args } of filters)
      value = this.filter(name, value, ...this.args(args, scope));
    return value;
  }

  private assign(target: Target, value: Value, scope: Scope): void {
    if (typeof target === 'string') scope.set(target, value);
    else if (Array.isArray(target)) {
      const values = iterate(value);
      if (values.length !== target.length)
        throw new TemplateError(
          `${values.length} values cannot be given to ${target.length} names`,
        );
      for (const [k, one] of target.entries()) this.assign(one, values[k]!, scope);
    } else {
      const space = scope.get(target.namespace);
      if (!(space instanceof Namespace))
        throw new TemplateError(`cannot assign attributes of ${target.namespace}: no namespace`);
      space.values.set(target.name, value);
    }
  }

  private loop(node: Extract<Statement, { kind: 'for' }>, scope: Scope): Ending {
    let items = iterate(this.value(node.over, scope));
    this.spend(items.length);
    const { test } = node;
    if (test)
      items = items.filter((one) => {
        const inner = new Scope(scope);
        this.assign(node.target, one, inner);
        return isTrue(this.value(test, inner));
      });
    const changed: { last: Value | null } = { last: null };
    // The else part is for loops of which no turn came to its end.
    let ended = false;
    for (const k of items.keys()) {
      const inner = new Scope(scope);
      inner.set('loop', loopValue(items, k, changed));
      this.assign(node.target, items[k]!, inner);
      const ending = this.run(node.body, inner);
      if (ending === 'break') break;
      if (ending === 'end') ended = true;
    }
    return ended ? 'end' : this.run(node.otherwise, scope);
  }

  private macro(
    name: string,
    parameters: readonly Parameter[],
    body: readonly Statement[],
    scope: Scope,
  ): Callable {
    return new MacroValue((args, keywords, caller) => {
      const inner = new Scope(scope);
      const named = new Map(keywords);
      for (const [k, { name: parameter, fallback }] of parameters.entries()) {
        const given = k < args.length ? args[k] : named.get(parameter);
        if (k < args.length && named.has(parameter))
          throw new TemplateError(`${name}() has two values for ${parameter}`);
        named.delete(parameter);
        const missing = new Undefined(`parameter ${JSON.stringify(parameter)} was not provided`);
        const value = given === undefined && fallback ? this.value(fallback, inner) : given;
        inner.set(parameter, value === undefined ? missing : value);
      }
      inner.set('varargs', new Tuple(args.slice(parameters.length)));
      inner.set('kwargs', new Map(named));
      inner.set('caller', caller ?? new Undefined('"caller" is undefined'));
      const uses = this.used(body);
      if (args.length > parameters.length && !uses.has('varargs'))
        throw new TemplateError(`${name}() takes ${parameters.length} arguments`);
      if (named.size > 0 && !uses.has('kwargs'))
        throw new TemplateError(`${name}() has no argument ${[...named.keys()][0]}`);
      if (caller && !uses.has('caller'))
        throw new TemplateError(`${name}() is called with a block, but does not call it`);
      if (++this.calls > MAX_CALLS) throw new TemplateError(`macros nest deeper than ${MAX_CALLS}`);
      const text = this.captured(() => this.run(body, inner));
      this.calls--;
      return text;
    });
  }

  private readonly names = new WeakMap<readonly Statement[], Set<string>>();

  /** The names that statements mention anywhere. */
  private used(body: readonly Statement[]): Set<string> {
    const known = this.names.get(body);
    if (known) return known;
    const names = new Set<string>();
    const visit = (part: unknown): void => {
      if (typeof part !== 'object' || part === null) return;
      const { kind, name } = part as { kind?: unknown; name?: unknown };
      if (kind === 'name' && typeof name === 'string') names.add(name);
      for (const inner of Object.values(part)) visit(inner);
    };
    visit(body);
    this.names.set(body, names);
    return names;
  }

  private value(node: Expression, scope: Scope): Value {
    this.spend(1);
    const value = this.evaluate(node, scope);
    this.spendOn(value);
    return value;
  }

  private evaluate(node: Expression, scope: Scope): Value {
    const of = (inner: Expression): Value => this.value(inner, scope);
    switch (node.kind) {
      case 'const':
        return node.value;
      case 'name':
        return scope.get(node.name);
      case 'list':
        return node.items.map(of);
      case 'tuple':
        return new Tuple(node.items.map(of));
      case 'concat':
        return node.items.map((part) => textOf(of(part))).join('');
      case 'dict':
        return this.mapping(node.items.map(([key, value]) => [of(key), of(value)]));
      case 'attribute':
        return attribute(of(node.of), node.name);
      case 'item':
        return item(of(node.of), of(node.key));
      case 'slice':
        return slice(
          of(node.of),
          node.bounds.map((bound) => bound && of(bound)),
        );
      case 'call':
        return this.call(node.callee, node.args, scope, null);
      case 'filter':
        return this.filter(node.name, of(node.of), ...this.args(node.args, scope));
      case 'test': {
        const [args, keywords] = this.args(node.args, scope);
        if (keywords.size > 0) throw new TemplateError(`the test ${node.name} has no names`);
        return testOf(node.name)(of(node.of), args);
      }
      case 'not':
        return !isTrue(of(node.of));
      case 'negative':
      case 'positive':
        return signed(of(node.of), node.kind === 'negative');
      case 'and': {
        const left = of(node.left);
        return isTrue(left) ? of(node.right) : left;
      }
      case 'or': {
        const left = of(node.left);
        return isTrue(left) ? left : of(node.right);
      }
      case 'binary':
        return arithmetic(node.operator, of(node.left), of(node.right));
      case 'compare': {
        let left = of(node.first);
        for (const [operator, expression] of node.rest) {
          const right = of(expression);
          if (!compares(operator, left, right)) return false;
          left = right;
        }
        return true;
      }
      case 'if':
        if (isTrue(of(node.test))) return of(node.yes);
        return node.no ? of(node.no) : new Undefined('the condition is false and there is no else');
    }
  }

  private mapping(entries: readonly (readonly [Value, Value])[]): Mapping {
    return new Map(entries.map(([key, value]) => [keyOf(key), value]));
  }

  private args(node: Arguments, scope: Scope): [Value[], Map<string, Value>] {
    const args = node.positional.map((one) => this.value(one, scope));
    if (node.star) args.push(...iterate(this.value(node.star, scope)));
    const keywords = new Map<string, Value>();
    for (const [name, value] of node.keywords) keywords.set(name, this.value(value, scope));
    if (node.stars) {
      const more = this.value(node.stars, scope);
      if (!(more instanceof Map)) throw new TemplateError(`${typeName(more)} is no mapping`);
      for (const [name, value] of more) keywords.set(String(name), value);
    }
    return [args, keywords];
  }

  private call(callee: Expression, args: Arguments, scope: Scope, caller: Callable | null): Value {
    const called = this.value(callee, scope);
    if (called instanceof Undefined) throw new TemplateError(called.what);
    if (!(called instanceof Callable))
      throw new TemplateError(`${typeName(called)} is not callable`);
    const [positional, keywords] = this.args(args, scope);
    if (called instanceof MacroValue) return called.run(positional, keywords, caller);
    if (caller) throw new TemplateError('a call block calls what is no macro');
    return called.call(positional, keywords);
  }
}

type MacroBody = (args: readonly Value[], keywords: Keywords, caller: Callable | null) => Value;

class MacroValue extends Callable {
  readonly run: MacroBody;
  constructor(run: MacroBody) {
    super((args, keywords) => run(args, keywords, null));
    this.run = run;
  }
}

function signed(value: Value, negative: boolean): Value {
  const number = numberOf(value);
  if (number === null) throw new TemplateError(`${typeName(value)} has no sign`);
  const made = negative ? 0 - number : number;
  return value instanceof Float ? new Float(negative ? -number : number) : made;
}

/** A value of JavaScript as a template has it. */
export function fromJson(value: unknown): Value {
  if (value === null || value === undefined) return null;
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value : new Float(value);
  if (Array.isArray(value)) return value.map(fromJson);
  return new Map(Object.entries(value).map(([key, inner]) => [key, fromJson(inner)]));
}
