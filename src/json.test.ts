// JSON of unknown origin: the bounds, each at its edge, and the forms that only Python writes.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { boundsProblem, MAX_JSON_DEPTH, mapOutsideStrings, readJsonObject } from './json.ts';

const nested = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`;

describe('JSON of unknown origin', () => {
  it('is bounded in length and nesting', () => {
    expect(readJsonObject('{"a": 1}', { max: 8 })).toEqual({ ok: true, value: { a: 1 } });
    expect(readJsonObject('{"a": 12}', { max: 8 })).toMatchObject({
      problem: 'is 9 bytes long, but at most 8 are allowed',
    });
    expect(boundsProblem(nested(MAX_JSON_DEPTH), 1000)).toBeNull();
    expect(boundsProblem(nested(MAX_JSON_DEPTH + 1), 1000)).toMatch(
      /more than 64 deep \(at character 64\)/,
    );
    expect(boundsProblem(`["${'['.repeat(100)}\\"${'{'.repeat(100)}"]`, 1000)).toBeNull();
    expect(boundsProblem('[{},'.repeat(63), 1000)).toBeNull();
  });

  it('must be an object', () => {
    for (const text of ['[]', '1', 'null', '"x"'])
      expect(readJsonObject(text, { max: 99 })).toMatchObject({ problem: 'is not a JSON object' });
    for (const text of ['', '{', '{"a": NaN}', '"', '\\"', '{"a\\"}'])
      expect(readJsonObject(text, { max: 99 })).toMatchObject({ problem: 'is not valid JSON' });
  });

  it('may hold the numbers of Python, outside strings only', () => {
    const text = '{"Infinity": [Infinity, -Infinity, NaN], "s": "NaN \\"Infinity\\\\"}';
    expect(readJsonObject(text, { max: 99, python: true })).toEqual({
      ok: true,
      value: { Infinity: [Infinity, -Infinity, null], s: 'NaN "Infinity\\' },
    });
  });

  it('is parted into strings and the rest without losing a character', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('"', '\\', 'a', '[', '1') }), (text) => {
        expect(mapOutsideStrings(text, (s) => s)).toBe(text);
      }),
    );
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.constant(7))), (value) => {
        const sevens = mapOutsideStrings(JSON.stringify(value), (s) => s.replaceAll('7', '8'));
        expect(JSON.parse(sevens)).toEqual(
          Object.fromEntries(Object.entries(value).map(([k, v]) => [k, v === 7 ? 8 : v])),
        );
      }),
    );
  });
});
