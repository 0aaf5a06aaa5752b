// The place where a text stops being JSON.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonFault } from './jsonFault.ts';

describe('jsonFault', () => {
  it('finds none in any JSON', () => {
    fc.assert(
      fc.property(fc.json(), fc.constantFrom(0, 2), (text, indent) => {
        expect(jsonFault(JSON.stringify(JSON.parse(text), null, indent))).toBeNull();
      }),
    );
  });

  it('finds one exactly where JSON.parse refuses', () => {
    const refused = (text: string) => {
      try {
        JSON.parse(text);
        return false;
      } catch {
        return true;
      }
    };
    fc.assert(
      fc.property(fc.json(), fc.nat(), fc.string({ maxLength: 2 }), (text, where, put) => {
        const at = where % (text.length + 1);
        const spoilt = text.slice(0, at) + put + text.slice(at + 1);
        expect(jsonFault(spoilt) !== null, spoilt).toBe(refused(spoilt));
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ['oops', 1, 1, 'o'],
    ['', 1, 1, ''],
    ['{"a": 1,}', 1, 9, '}'],
    ['[[1, 2],\n [3 4]]', 2, 5, '4'],
    ['{"a": [1, 2', 1, 12, ''],
    ["{'a': 1}", 1, 2, "'"],
    ['{"a"\n\n: 01}', 3, 3, '0'],
    ['[1] 2', 1, 5, '2'],
    ['["a\nb"]', 1, 4, '\n'],
  ])('of %j is at line %i, column %i', (text, line, column, found) => {
    expect(jsonFault(text)).toEqual({ line, column, found });
  });
});
