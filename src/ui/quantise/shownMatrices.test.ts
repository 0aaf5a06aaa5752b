// What the page shows of the matrices before, while and after a quantisation.

import { expect, it } from 'vitest';
import type { MatrixReport } from '../../contract/quantise.ts';
import { shownMatrices } from './shownMatrices.ts';

const matrix = (tensor: string, fields: Partial<MatrixReport> = {}): MatrixReport => ({
  tensor,
  block: 0,
  part: tensor,
  inputs: 64,
  outputs: 64,
  storedBytes: 16_384,
  writtenBytes: 2560,
  form: 4,
  obstacle: null,
  sensitivity: null,
  ...fields,
});

const estimate = { matrices: [matrix('a', { form: 8, writtenBytes: 4608 }), matrix('b')] };
const made = [matrix('a', { sensitivity: 0.1 }), matrix('b', { form: 8, sensitivity: 0.2 })];

it('shows the estimate before anything was made', () => {
  const shown = shownMatrices({ outcome: null, estimate, forms: { a: 8 }, running: null });
  expect(shown).toEqual(estimate.matrices);
});

it('adds sensitivities as they come in', () => {
  const running = new Map([['b', 0.5]]);
  const shown = shownMatrices({ outcome: null, estimate, forms: {}, running });
  expect(shown.map(({ sensitivity }) => sensitivity)).toEqual([null, 0.5]);
});

it('shows what was made, but for what was chosen by hand since', () => {
  const outcome = { matrices: made, forms: {} };
  expect(shownMatrices({ outcome, estimate, forms: {}, running: null })).toEqual(made);
  const [a, b] = shownMatrices({ outcome, estimate, forms: { a: 8 }, running: null });
  expect(a).toMatchObject({ form: 8, writtenBytes: 4608, sensitivity: 0.1 });
  expect(b).toBe(made[1]);
});

it('a choice that was taken back is again as the settings have it', () => {
  const outcome = { matrices: made, forms: { b: 8 } as const };
  const [, b] = shownMatrices({ outcome, estimate, forms: {}, running: null });
  expect(b).toMatchObject({ form: 4, writtenBytes: 2560, sensitivity: 0.2 });
});

it('a table that is looked up and multiplied with is there twice, each with its own numbers', () => {
  const tied = [
    matrix('t', { block: null, part: 'embedding', form: 'float' }),
    matrix('t', { block: null, part: 'head', form: 8 }),
  ];
  const running = new Map([
    ['t (looked up)', 0.25],
    ['t', 0.5],
  ]);
  const sources = { outcome: null, estimate: { matrices: tied }, forms: {} };
  expect(shownMatrices({ ...sources, running: null })).toEqual(tied);
  const shown = shownMatrices({ ...sources, running });
  expect(shown.map(({ sensitivity }) => sensitivity)).toEqual([0.25, 0.5]);
});
