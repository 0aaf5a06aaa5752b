// Parses the expressions of a template, with Jinja's precedence.

import type { Token } from './lexer.ts';
import type { Arguments, Expression, FilterCall } from './nodes.ts';
import { Float, TemplateError, unsupported } from './values.ts';

/** Most parentheses, brackets and the like within each other. */
const MAX_NESTING = 100;
const COMPARISONS = ['==', '!=', '<', '<=', '>', '>='];
const CONSTANTS: Readonly<Record<string, boolean | null>> = {
  true: true,
  True: true,
  false: false,
  False: false,
  none: null,
  None: null,
};

export class ExpressionParser {
  private readonly tokens: readonly Token[];
  private at = 0;
  private depth = 0;

  constructor(tokens: readonly Token[]) {
    this.tokens = tokens;
  }

  get current(): Token {
    return this.tokens[this.at]!;
  }

  next(): Token {
    const token = this.current;
    if (token.type !== 'eof') this.at++;
    return token;
  }

  is(type: Token['type'], ...values: string[]): boolean {
    const { current } = this;
    return current.type === type && (values.length === 0 || values.includes(current.value));
  }

  skip(type: Token['type'], value: string): boolean {
    if (!this.is(type, value)) return false;
    this.at++;
    return true;
  }

  expect(type: Token['type'], value?: string): string {
    if (!this.is(type, ...(value === undefined ? [] : [value])))
      throw new TemplateError(`expected ${value ?? type}, found ${this.shown()}`);
    return this.next().value;
  }

  shown(): string {
    const { type, value } = this.current;
    return type === 'eof' ? 'the end of the template' : JSON.stringify(value || type);
  }

  /** Keeps nesting within bounds. */
  protected nested<T>(parse: () => T): T {
    if (++this.depth > MAX_NESTING) throw new TemplateError('it nests too deep');
    const result = parse();
    this.depth--;
    return result;
  }

  expression(withIf = true): Expression {
    return this.nested(() => {
      let value = this.or();
      while (withIf && this.skip('name', 'if')) {
        const test = this.or();
        const otherwise = this.skip('name', 'else') ? this.expression() : null;
        value = { kind: 'if', test, yes: value, no: otherwise };
      }
      return value;
    });
  }

  /** Expressions with commas between them are a tuple. */
  tuple(withIf = true, parenthesised = false, stops: readonly string[] = []): Expression {
    const items: Expression[] = [];
    let isTuple = false;
    const ends = (): boolean =>
      this.is('end') || this.is('operator', ')') || (stops.length > 0 && this.is('name', ...stops));
    while (!ends()) {
      items.push(this.expression(withIf));
      if (!this.skip('operator', ',')) break;
      isTuple = true;
    }
    if (!isTuple && items.length === 1) return items[0]!;
    if (!isTuple && !parenthesised)
      throw new TemplateError(`expected an expression, found ${this.shown()}`);
    return { kind: 'tuple', items };
  }

  private or(): Expression {
    let left = this.and();
    while (this.skip('name', 'or')) left = { kind: 'or', left, right: this.and() };
    return left;
  }

  private and(): Expression {
    let left = this.not();
    while (this.skip('name', 'and')) left = { kind: 'and', left, right: this.not() };
    return left;
  }

  private not(): Expression {
    if (!this.skip('name', 'not')) return this.comparison();
    return this.nested(() => ({ kind: 'not', of: this.not() }));
  }

  private comparison(): Expression {
    const first = this.sum();
    const rest: [string, Expression][] = [];
    for (;;) {
      if (this.is('operator', ...COMPARISONS)) rest.push([this.next().value, this.sum()]);
      else if (this.skip('name', 'in')) rest.push(['in', this.sum()]);
      else if (this.is('name', 'not') && this.tokens[this.at + 1]?.value === 'in') {
        this.at += 2;
        rest.push(['not in', this.sum()]);
      } else return rest.length === 0 ? first : { kind: 'compare', first, rest };
    }
  }

  private sum(): Expression {
    return this.binary(['+', '-'], () => this.concat());
  }

  private concat(): Expression {
    const items = [this.product()];
    while (this.skip('operator', '~')) items.push(this.product());
    return items.length === 1 ? items[0]! : { kind: 'concat', items };
  }

  private product(): Expression {
    return this.binary(['*', '/', '//', '%'], () => this.binary(['**'], () => this.unary(true)));
  }

  private binary(operators: readonly string[], operand: () => Expression): Expression {
    let left = operand();
    while (this.is('operator', ...operators))
      left = { kind: 'binary', operator: this.next().value, left, right: operand() };
    return left;
  }

  private unary(filtered: boolean): Expression {
    let value: Expression;
    if (this.skip('operator', '-'))
      value = this.nested(() => ({ kind: 'negative', of: this.unary(false) }));
    else if (this.skip('operator', '+'))
      value = this.nested(() => ({ kind: 'positive', of: this.unary(false) }));
    else value = this.primary();
    value = this.postfix(value);
    return filtered ? this.filtersAndTests(value) : value;
  }

  private primary(): Expression {
    const { type, value } = this.next();
    switch (type) {
      case 'name':
        if (Object.hasOwn(CONSTANTS, value)) return { kind: 'const', value: CONSTANTS[value]! };
        return { kind: 'name', name: value };
      case 'string': {
        let text = value;
        while (this.is('string')) text += this.next().value;
        return { kind: 'const', value: text };
      }
      case 'integer': {
        const number = Number(value.replaceAll('_', ''));
        if (!Number.isSafeInteger(number)) throw unsupported(`the number ${value}`);
        return { kind: 'const', value: number };
      }
      case 'float':
        return { kind: 'const', value: new Float(Number(value.replaceAll('_', ''))) };
      default:
        if (value === '(') {
          const inner = this.tuple(true, true);
          this.expect('operator', ')');
          return inner;
        }
        if (value === '[') return { kind: 'list', items: this.list(']', () => this.expression()) };
        if (value === '{') return { kind: 'dict', items: this.list('}', () => this.pair()) };
        throw new TemplateError(`unexpected ${JSON.stringify(value || type)}`);
    }
  }

  private pair(): [Expression, Expression] {
    const key = this.expression();
    this.expect('operator', ':');
    return [key, this.expression()];
  }

  /** Items with commas between them, one of which may stand at the end. */
  private list<T>(close: string, item: () => T): T[] {
    const items: T[] = [];
    while (!this.skip('operator', close)) {
      if (items.length > 0) {
        this.expect('operator', ',');
        if (this.skip('operator', close)) break;
      }
      items.push(item());
    }
    return items;
  }

  private postfix(value: Expression): Expression {
    let node = value;
    for (;;) {
      if (this.skip('operator', '.')) {
        const { type, value: name } = this.next();
        if (type === 'name') node = { kind: 'attribute', of: node, name };
        else if (type === 'integer')
          node = { kind: 'item', of: node, key: { kind: 'const', value: Number(name) } };
        else throw new TemplateError('expected a name or a number after a dot');
      } else if (this.skip('operator', '[')) node = this.subscript(node);
      else if (this.is('operator', '('))
        node = { kind: 'call', callee: node, args: this.callArguments() };
      else return node;
    }
  }

  private subscript(of: Expression): Expression {
    const bounds: (Expression | null)[] = [];
    let colons = 0;
    let bound: Expression | null = null;
    while (!this.skip('operator', ']')) {
      if (this.skip('operator', ':')) {
        bounds.push(bound);
        bound = null;
        colons++;
      } else if (bound || colons > 2) throw unsupported('a subscript of several parts');
      else bound = this.expression();
    }
    if (colons > 0) return { kind: 'slice', of, bounds: [...bounds, bound] };
    if (!bound) throw new TemplateError('expected an expression between brackets');
    return { kind: 'item', of, key: bound };
  }

  private filtersAndTests(value: Expression): Expression {
    let node = value;
    for (;;) {
      if (this.is('operator', '|'))
        for (const { name, args } of this.filters())
          node = { kind: 'filter', of: node, name, args };
      else if (this.skip('name', 'is')) node = this.test(node);
      else if (this.is('operator', '('))
        node = { kind: 'call', callee: node, args: this.callArguments() };
      else return node;
    }
  }

  /** `|name(arguments)`, several of them; `inline` leaves out the first bar. */
  filters(inline = false): FilterCall[] {
    const calls: FilterCall[] = [];
    while (this.skip('operator', '|') || (inline && calls.length === 0)) {
      const name = this.expect('name');
      calls.push({ name, args: this.is('operator', '(') ? this.callArguments() : noArguments() });
    }
    return calls;
  }

  private test(of: Expression): Expression {
    const negated = this.skip('name', 'not');
    const name = this.expect('name');
    let args = noArguments();
    const { type, value } = this.current;
    if (this.is('operator', '(')) args = this.callArguments();
    else if (
      ['string', 'integer', 'float'].includes(type) ||
      (type === 'operator' && '[{'.includes(value)) ||
      (type === 'name' && !['else', 'or', 'and'].includes(value))
    )
      args = { ...args, positional: [this.postfix(this.primary())] };
    const test: Expression = { kind: 'test', of, name, args };
    return negated ? { kind: 'not', of: test } : test;
  }

  callArguments(): Arguments {
    this.expect('operator', '(');
    const args = noArguments();
    this.list(')', () => {
      if (this.skip('operator', '*')) args.star = this.expression();
      else if (this.skip('operator', '**')) args.stars = this.expression();
      else if (this.is('name') && this.tokens[this.at + 1]?.value === '=') {
        const name = this.expect('name');
        this.expect('operator', '=');
        args.keywords.push([name, this.expression()]);
      } else {
        if (args.keywords.length > 0 || args.star || args.stars)
          throw new TemplateError('an argument without a name comes after one with a name');
        args.positional.push(this.expression());
      }
    });
    return args;
  }
}

const noArguments = (): Arguments => ({
  positional: [],
  keywords: [],
  star: null,
  stars: null,
});
