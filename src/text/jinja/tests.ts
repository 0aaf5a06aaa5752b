// The tests of a template: what may stand after `is`.

import { compares, contains, isSequence } from './operators.ts';
import {
  Callable,
  equal,
  Float,
  iterate,
  Lazy,
  numberOf,
  TemplateError,
  Undefined,
  unsupported,
  type Value,
} from './values.ts';

/** A test of a value with its arguments. */
export type Test = (value: Value, args: readonly Value[]) => boolean;

const compared =
  (operator: string): Test =>
  (value, args) =>
    compares(operator, value, argument(args));

function argument(args: readonly Value[]): Value {
  if (args.length !== 1) throw new TemplateError('a test has one argument');
  return args[0]!;
}

function numeral(value: Value): number {
  const number = numberOf(value);
  if (number === null) throw new TemplateError('a test of a number got something else');
  return number;
}

const isText = (value: Value, same: (text: string) => boolean): boolean => {
  const text = typeof value === 'string' ? value : String(numberOf(value) ?? '');
  return same(text);
};

function iterable(value: Value): boolean {
  if (value instanceof Lazy) return true;
  try {
    iterate(value);
    return true;
  } catch {
    return false;
  }
}

const TESTS: Readonly<Record<string, Test>> = {
  boolean: (value) => typeof value === 'boolean',
  callable: (value) => value instanceof Callable,
  defined: (value) => !(value instanceof Undefined),
  undefined: (value) => value instanceof Undefined,
  divisibleby: (value, args) => numeral(value) % numeral(argument(args)) === 0,
  even: (value) => numeral(value) % 2 === 0,
  odd: (value) => Math.abs(numeral(value) % 2) === 1,
  false: (value) => value === false,
  true: (value) => value === true,
  none: (value) => value === null,
  float: (value) => value instanceof Float,
  integer: (value) => typeof value === 'number',
  number: (value) => numberOf(value) !== null,
  in: (value, args) => contains(argument(args), value),
  iterable,
  lower: (value) => isText(value, (t) => /[\p{Ll}]/u.test(t) && !/[\p{Lu}\p{Lt}]/u.test(t)),
  upper: (value) => isText(value, (t) => /[\p{Lu}]/u.test(t) && !/[\p{Ll}\p{Lt}]/u.test(t)),
  mapping: (value) => value instanceof Map,
  sameas: (value, args) => {
    const other = argument(args);
    return value === other || (typeof value !== 'object' && equal(value, other));
  },
  sequence: isSequence,
  string: (value) => typeof value === 'string',
  eq: compared('=='),
  equalto: compared('=='),
  '==': compared('=='),
  ne: compared('!='),
  '!=': compared('!='),
  lt: compared('<'),
  lessthan: compared('<'),
  '<': compared('<'),
  le: compared('<='),
  '<=': compared('<='),
  gt: compared('>'),
  greaterthan: compared('>'),
  '>': compared('>'),
  ge: compared('>='),
  '>=': compared('>='),
};

/** Tests that compare with an argument; the others have none. */
const WITH_ARGUMENT = /^(?:divisibleby|in|sameas|eq|equalto|ne|lt|le|gt|ge|lessthan|greaterthan)$/;

/** The test of a name. @throws TemplateError when it is not supported, and for wrong arguments */
export function testOf(name: Value): Test {
  const test = typeof name === 'string' && Object.hasOwn(TESTS, name) ? TESTS[name] : undefined;
  if (!test) throw unsupported(`the test ${JSON.stringify(name)}`);
  return (value, args) => {
    const compares = WITH_ARGUMENT.test(String(name)) || /^\W/.test(String(name));
    if (args.length > 0 && !compares)
      throw new TemplateError(`the test ${String(name)} has no argument`);
    return test(value, args);
  };
}
