// The parts of a template after it is parsed.

import type { Value } from './values.ts';

export type Expression =
  | { kind: 'const'; value: Value }
  | { kind: 'name'; name: string }
  | { kind: 'list' | 'tuple' | 'concat'; items: Expression[] }
  | { kind: 'dict'; items: [Expression, Expression][] }
  | { kind: 'attribute'; of: Expression; name: string }
  | { kind: 'item'; of: Expression; key: Expression }
  | { kind: 'slice'; of: Expression; bounds: (Expression | null)[] }
  | { kind: 'call'; callee: Expression; args: Arguments }
  | { kind: 'filter'; of: Expression; name: string; args: Arguments }
  | { kind: 'test'; of: Expression; name: string; args: Arguments }
  | { kind: 'not' | 'negative' | 'positive'; of: Expression }
  | { kind: 'and' | 'or'; left: Expression; right: Expression }
  | { kind: 'binary'; operator: string; left: Expression; right: Expression }
  | { kind: 'compare'; first: Expression; rest: [string, Expression][] }
  | { kind: 'if'; test: Expression; yes: Expression; no: Expression | null };

export interface Arguments {
  positional: Expression[];
  keywords: [string, Expression][];
  /** `*expression` and `**expression`. */
  star: Expression | null;
  stars: Expression | null;
}

/** Names that a value is given to; a string is a name, a pair an attribute of a namespace. */
export type Target = string | { namespace: string; name: string } | Target[];

export interface Parameter {
  name: string;
  fallback: Expression | null;
}

export interface FilterCall {
  name: string;
  args: Arguments;
}

export type Statement =
  | { kind: 'data'; text: string }
  | { kind: 'output'; value: Expression }
  | { kind: 'if'; test: Expression; yes: Statement[]; no: Statement[] }
  | {
      kind: 'for';
      target: Target;
      over: Expression;
      test: Expression | null;
      body: Statement[];
      otherwise: Statement[];
    }
  | { kind: 'set'; target: Target; value: Expression }
  | { kind: 'setBlock'; target: Target; filters: FilterCall[]; body: Statement[] }
  | { kind: 'macro'; name: string; parameters: Parameter[]; body: Statement[] }
  | { kind: 'callBlock'; parameters: Parameter[]; call: Expression; body: Statement[] }
  | { kind: 'filterBlock'; filters: FilterCall[]; body: Statement[] }
  | { kind: 'with'; values: [Target, Expression][]; body: Statement[] }
  | { kind: 'break' | 'continue' };
