// Memory, store and what both had in common: three ways of joining, by key.

import { expect, it } from 'vitest';
import { joinLists, joinMaps, joinSets } from './part.ts';

const map = (text: string) => new Map([...text].map((key) => [key.toLowerCase(), key] as const));
const keys = (joined: ReadonlyMap<string, string>) => [...joined.values()].join('');

it.each([
  ['what only one side added', 'ab', 'abc', 'abd', 'abdc'],
  ['what memory removed', 'ab', 'a', 'abd', 'ad'],
  ['what the store removed', 'ab', 'abc', 'b', 'bc'],
  ['what memory changed, last', 'ab', 'Ab', 'ab', 'bA'],
  ['what the store changed', 'ab', 'ab', 'aB', 'aB'],
  ['what both changed: memory', 'ab', 'Ab', 'Xb', 'XbA'],
])('maps: %s', (_, base, own, stored, joined) => {
  expect(keys(joinMaps(map(base), map(own), map(stored)))).toBe(joined);
});

it('sets and lists', () => {
  const set = (text: string) => new Set(text);
  expect([...joinSets(set('ab'), set('ac'), set('abd'))].join('')).toBe('adc');
  expect([...joinSets(set('ab'), set('abc'), set('b'))].join('')).toBe('bc');
  const list = (newestFirst: boolean, most?: number) =>
    joinLists((one: string) => one, newestFirst, most);
  const strings = (text: string): string[] => [...text];
  const join = (newestFirst: boolean, most?: number) =>
    list(newestFirst, most)(strings('ab'), strings('cab'), strings('abd')).join('');
  expect([join(true), join(true, 3), join(false)]).toEqual(['cabd', 'cab', 'dcab']);
});
