// Parses the statements of a template.

import { ExpressionParser } from './expressions.ts';
import { tokenize } from './lexer.ts';
import type { Expression, Parameter, Statement, Target } from './nodes.ts';
import { TemplateError, unsupported } from './values.ts';

/**
 * The statements of a template.
 * @throws TemplateError for what is no template, and for tags, filters and tests that are not
 *   supported
 */
export function parse(template: string): Statement[] {
  const parser = new Parser(tokenize(template));
  return parser.body([]);
}

class Parser extends ExpressionParser {
  private loops = 0;

  /** Statements up to a tag of one of the names, whose name stays the current token. */
  body(ends: readonly string[]): Statement[] {
    return this.nested(() => {
      const out: Statement[] = [];
      for (;;) {
        if (this.current.type === 'eof') {
          if (ends.length > 0) throw new TemplateError(`there is no ${ends.at(-1)}`);
          return out;
        }
        if (this.is('data')) out.push({ kind: 'data', text: this.next().value });
        else if (this.skip('begin', 'variable')) {
          out.push({ kind: 'output', value: this.tuple() });
          this.expect('end', 'variable');
        } else {
          this.expect('begin', 'block');
          if (this.is('name', ...ends) && ends.length > 0) return out;
          out.push(...this.statement());
        }
      }
    });
  }

  private endOfTag(): void {
    this.expect('end', 'block');
  }

  /** Statements up to the end tag, which is read too. */
  private bodyTo(end: string): Statement[] {
    this.endOfTag();
    const body = this.body([end]);
    this.next();
    this.endOfTag();
    return body;
  }

  private statement(): Statement[] {
    const name = this.expect('name');
    switch (name) {
      case 'if':
        return [this.ifStatement()];
      case 'for':
        return [this.forStatement()];
      case 'set':
        return [this.setStatement()];
      case 'macro': {
        const macro = this.expect('name');
        const parameters = this.parameters();
        return [{ kind: 'macro', name: macro, parameters, body: this.outsideLoops('endmacro') }];
      }
      case 'call': {
        const parameters = this.is('operator', '(') ? this.parameters() : [];
        const call = this.expression();
        if (call.kind !== 'call') throw new TemplateError('a call block calls nothing');
        return [{ kind: 'callBlock', parameters, call, body: this.outsideLoops('endcall') }];
      }
      case 'filter':
        return [
          { kind: 'filterBlock', filters: this.filters(true), body: this.bodyTo('endfilter') },
        ];
      case 'with':
        return [this.withStatement()];
      case 'generation':
        // What the assistant says, marked for training: a block of its own.
        return [{ kind: 'with', values: [], body: this.outsideLoops('endgeneration') }];
      case 'break':
      case 'continue':
        if (this.loops === 0) throw new TemplateError(`${name} stands outside of a loop`);
        this.endOfTag();
        return [{ kind: name }];
      default:
        throw unsupported(`the tag ${JSON.stringify(name)}`);
    }
  }

  private outsideLoops(end: string): Statement[] {
    const loops = this.loops;
    this.loops = 0;
    const body = this.bodyTo(end);
    this.loops = loops;
    return body;
  }

  private ifStatement(): Statement {
    return this.nested(() => {
      const test = this.tuple(false);
      this.endOfTag();
      const yes = this.body(['elif', 'else', 'endif']);
      let no: Statement[] = [];
      const next = this.next().value;
      if (next === 'elif') return { kind: 'if', test, yes, no: [this.ifStatement()] };
      if (next === 'else') {
        this.endOfTag();
        no = this.body(['endif']);
        this.next();
      }
      this.endOfTag();
      return { kind: 'if', test, yes, no };
    });
  }

  private forStatement(): Statement {
    const target = this.target(['in']);
    this.expect('name', 'in');
    const over = this.tuple(false, false, ['if', 'recursive']);
    const test = this.skip('name', 'if') ? this.expression() : null;
    if (this.is('name', 'recursive')) throw unsupported('a recursive loop');
    this.endOfTag();
    this.loops++;
    const body = this.body(['endfor', 'else']);
    this.loops--;
    let otherwise: Statement[] = [];
    if (this.next().value === 'else') {
      this.endOfTag();
      otherwise = this.body(['endfor']);
      this.next();
    }
    this.endOfTag();
    return { kind: 'for', target, over, test, body, otherwise };
  }

  private setStatement(): Statement {
    const target = this.target([]);
    if (this.skip('operator', '=')) {
      const value = this.tuple();
      this.endOfTag();
      return { kind: 'set', target, value };
    }
    return { kind: 'setBlock', target, filters: this.filters(), body: this.outsideLoops('endset') };
  }

  private withStatement(): Statement {
    const values: [Target, Expression][] = [];
    while (!this.is('end')) {
      if (values.length > 0) this.expect('operator', ',');
      const target = this.oneTarget();
      this.expect('operator', '=');
      values.push([target, this.expression()]);
    }
    return { kind: 'with', values, body: this.bodyTo('endwith') };
  }

  private target(stops: readonly string[]): Target {
    const all = [this.oneTarget()];
    let isTuple = false;
    while (this.skip('operator', ',')) {
      isTuple = true;
      if (this.is('operator', '=') || (stops.length > 0 && this.is('name', ...stops))) break;
      all.push(this.oneTarget());
    }
    return isTuple ? all : all[0]!;
  }

  private oneTarget(): Target {
    if (this.skip('operator', '(')) {
      const inner = this.target([]);
      this.expect('operator', ')');
      return inner;
    }
    const name = this.expect('name');
    return this.skip('operator', '.') ? { namespace: name, name: this.expect('name') } : name;
  }

  private parameters(): Parameter[] {
    this.expect('operator', '(');
    const all: Parameter[] = [];
    while (!this.skip('operator', ')')) {
      if (all.length > 0) this.expect('operator', ',');
      const name = this.expect('name');
      const fallback = this.skip('operator', '=') ? this.expression() : null;
      if (!fallback && all.at(-1)?.fallback)
        throw new TemplateError('a parameter without a default comes after one with a default');
      all.push({ name, fallback });
    }
    return all;
  }
}
