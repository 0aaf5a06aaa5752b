// Instructions of a dropped file are recognised and counted before any is learned.

import { expect, it } from 'vitest';
import { asFolder } from '../../files/pickedFolder.ts';
import { noDisk, setUp } from '../testing/setUp.ts';
import { instructionCount } from './instructions.ts';

const ROW = { instruction: 'Say yes.', input: '', output: 'Yes.' };

const given = (text: string) => ({ kind: 'instructions' as const, name: 'a.json', text });

it('counts rows of JSON and JSONL, none of a text, and is not stopped by a fault', () => {
  expect(instructionCount(given(JSON.stringify([ROW, ROW, ROW])))).toBe(3);
  expect(instructionCount(given(`${JSON.stringify(ROW)}\r\n\n${JSON.stringify(ROW)}\n`))).toBe(2);
  expect(instructionCount(given('[{"instruction": "Say'))).toBeNull();
  expect(instructionCount({ kind: 'text', name: 'a.txt', text: 'Some words.' })).toBeNull();
});

it.each([
  ['rows.json', JSON.stringify([ROW, ROW])],
  ['rows.jsonl', `${JSON.stringify(ROW)}\n${JSON.stringify(ROW)}`],
])('%s that is dropped becomes the text to heal on', async (name, text) => {
  const folder = asFolder([{ path: name, file: new File([text], name) }], name)!;
  const { actions, get } = setUp({}, {}, { ...noDisk, readDrop: async () => folder });
  await actions.openSample();
  await actions.drop({} as DataTransfer);
  expect(get().errors).toEqual({});
  expect(get().view.workspace).toBe('heal');
  const own = get().heal.form.data.text;
  expect(own).toEqual({ kind: 'instructions', name, text });
  expect(instructionCount(own)).toBe(2);
});
