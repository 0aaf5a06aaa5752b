// Looks of criteria and paths: no two alike, so that legends can be read without colour.

import { expect, it } from 'vitest';
import { CRITERIA } from '../../analysis/criteriaTable.ts';
import { pathLook } from './pathLook.ts';

it('criteria and paths are told apart by their dashes alone', () => {
  const names = [...CRITERIA.map(({ name }) => name), 'iterative', 'study', 'file-order'] as const;
  const dashes = names.map((name) => pathLook(name).dash);
  expect(new Set(dashes).size).toBe(names.length);
});
