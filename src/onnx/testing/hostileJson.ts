// JSON that no tool writes, generated reproducibly, for tests.

import fc from 'fast-check';
import { damaged, type Step, steps } from './hostile.ts';

/** Replaces, adds or drops one member somewhere in the document. */
type Edit = readonly [
  edit: 'replace' | 'add' | 'drop' | 'wrap',
  where: number,
  key: number,
  value: number,
];

export type JsonRecipe = { edits: readonly Edit[]; bytes: readonly Step[] };

const KEYS = [
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'length',
  '',
  '0',
  '-1',
  'a'.repeat(500),
  '\u0000',
  'é\ud800',
  '<b>',
];

const LONG = 'x'.repeat(2000);
const DEEP = `${'['.repeat(3000)}${']'.repeat(3000)}`;
const DEEP_OBJECT = `${'{"a":'.repeat(3000)}1${'}'.repeat(3000)}`;
const MANY = `[${new Array(5000).fill('[]').join()}]`;

/** Values as they stand in the text; several are no JSON, or only Python's. */
const VALUES = [
  'null',
  'true',
  'false',
  '0',
  '-0',
  '1',
  '-1',
  '2',
  '3',
  '1.5',
  '1e400',
  '-1e400',
  '1e-400',
  '9007199254740993',
  '1e15',
  '1e12',
  '4294967296',
  '123456789012345678901234567890',
  '""',
  '"0"',
  '"NaN"',
  '[]',
  '{}',
  '[null]',
  '[[]]',
  '[1,2,3]',
  '["a","b","c"]',
  '{"content":{}}',
  '{"type":null}',
  '{"a":[{}]}',
  'NaN',
  'Infinity',
  '-Infinity',
  'undefined',
  '01',
  '.5',
  '"\\ud800"',
  '"\\u0000"',
  '"espalier-number-0:1"',
  '"espalier-number:\\"x"',
  `"${LONG}"`,
  DEEP,
  DEEP_OBJECT,
  MANY,
  '{"__proto__":{"x":1}}',
  '{"Regex":"("}',
  '{"Regex":"(a+)+$"}',
  '{"String":""}',
  '[[["global"],1e12]]',
  '[[[],1e12]]',
];

export const jsonRecipe: fc.Arbitrary<JsonRecipe> = fc.record({
  edits: fc.array(
    fc.tuple(
      fc.constantFrom(
        'replace' as const,
        'replace' as const,
        'add' as const,
        'drop' as const,
        'wrap' as const,
      ),
      fc.nat(9999),
      fc.nat(9999),
      fc.nat(9999),
    ),
    { minLength: 1, maxLength: 3 },
  ),
  bytes: fc.oneof({ weight: 6, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: steps(2) }),
});

/** The text of the document after every edit, then with its bytes damaged. */
export function editedJson(document: unknown, { edits, bytes }: JsonRecipe): string {
  const root = structuredClone(document);
  const raw = new Map<string, string>();
  for (const edit of edits) apply(root, edit, raw);
  let text = JSON.stringify(root);
  for (const [mark, value] of raw) text = text.replaceAll(`"${mark}"`, () => value);
  return bytes.length === 0
    ? text
    : new TextDecoder().decode(damaged(new TextEncoder().encode(text), bytes));
}

function apply(root: unknown, [edit, where, key, value]: Edit, raw: Map<string, string>): void {
  const parents: (Record<string, unknown> | unknown[])[] = [];
  const visit = (v: unknown): void => {
    if (typeof v !== 'object' || v === null || parents.length > 3000) return;
    parents.push(v as Record<string, unknown>);
    for (const inner of Object.values(v)) visit(inner);
  };
  visit(root);
  const parent = parents[where % parents.length];
  if (!parent) return;
  const mark = `raw-${value % VALUES.length}`;
  raw.set(mark, VALUES[value % VALUES.length]!);
  const keys = Object.keys(parent);
  const member = keys[key % Math.max(1, keys.length)] ?? '0';
  const put = (name: string, to: unknown): void => {
    Object.defineProperty(parent, name, {
      value: to,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  };
  if (edit === 'drop') {
    if (Array.isArray(parent)) parent.splice(Number(member), 1);
    else delete parent[member];
  } else if (edit === 'add' && !Array.isArray(parent)) put(KEYS[key % KEYS.length]!, mark);
  else if (edit === 'wrap')
    put(
      member,
      value % 2
        ? [Reflect.get(parent, member)]
        : { [KEYS[value % KEYS.length]!]: Reflect.get(parent, member) },
    );
  else put(member, mark);
}
