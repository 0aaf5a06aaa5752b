// What target runtimes take: what is said, of whom, and when nothing is.

import { expect, test } from 'vitest';
import { noteText, type TargetForm, targetNotes } from './targets.ts';

const RTN = { method: 'rtn', bits: 4, floatZeros: false, symmetric: false } as const;
const plain: TargetForm = { settings: { ...RTN, accuracyLevel: 0 }, table: null };

test('rounded matrices run everywhere', () => {
  expect(targetNotes(plain)).toEqual([]);
  const unused = { ...plain.settings, floatZeros: true };
  expect(targetNotes({ ...plain, settings: unused })).toEqual([]);
});

test('the worst comes first, for the targets that are asked for', () => {
  const form: TargetForm = {
    settings: { method: 'hqq', bits: 4, floatZeros: true, symmetric: false, accuracyLevel: 4 },
    table: { bits: 4, blocks: 3, zeros: true },
  };
  const notes = targetNotes(form);
  expect(notes.map(({ effect }) => effect)).toEqual(['fails', 'fails', 'slow', 'slow', 'ignored']);
  const [first, ...more] = targetNotes(form, ['cuda']);
  expect([first, ...more].map((note) => note?.id)).toEqual(['float-zeros', 'accuracy-level']);
  expect(noteText(first!)).toMatch(
    /^ONNX Runtime on CUDA .*: Where zero points are floats.* rounded\.$/,
  );
});

test('tables of an even number of blocks, of 8 bits, or without zero points run on WebGPU', () => {
  const table = { bits: 4, blocks: 3, zeros: true } as const;
  const on = (own: NonNullable<TargetForm['table']>) =>
    targetNotes({ ...plain, table: own }, ['webgpu']).length;
  expect(
    [
      table,
      { ...table, blocks: 4 },
      { ...table, bits: 8 as const },
      { ...table, zeros: false },
    ].map(on),
  ).toEqual([1, 0, 0, 0]);
});
