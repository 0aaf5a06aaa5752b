// Contexts and continuations as token ids: special tokens, empty contexts, truncation, subsets.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { loadTokenizer, type Tokenizer } from '../text/tokenizer.ts';
import { hellaswag } from './prompts.ts';
import { capitalize, trim } from './python.ts';
import { taskRequests } from './requests.ts';
import { chosenRows } from './subset.ts';
import type { TaskData, TaskRow } from './types.ts';

const sample = loadTokenizer(
  readFileSync('public/sample/tokenizer.json', 'utf8'),
  readFileSync('public/sample/tokenizer_config.json', 'utf8'),
);
const BOS = 9000;
const withBos: Tokenizer = {
  ...sample,
  addsBos: true,
  bosId: BOS,
  encode: (text) =>
    text.startsWith('<s>') ? [BOS, ...sample.encode(text.slice(3))] : sample.encode(text),
  encodePrompt(text) {
    const ids = this.encode(text);
    return ids.length > 0 ? [BOS, ...ids] : ids;
  },
};
const row = (context: string, choice: string): TaskRow => ({
  doc: 0,
  context,
  continuations: [` ${choice}`],
  choices: [choice],
  target: 0,
});
const requestOf = (context: string, choice: string, tokenizer = sample, maxLength = 64) =>
  taskRequests(row(context, choice), tokenizer, { maxLength })[0]!;

test('spaces at the end of a context belong to its continuation', () => {
  const plain = requestOf('The lake froze because', 'of ice');
  const spaced = requestOf('The lake froze because \n', 'of ice');
  expect(spaced.tokens[0]).toBe(plain.tokens[0]);
  expect(spaced.ids).toEqual(sample.encode('The lake froze because \n of ice'));
  expect(spaced.predicts).toBe(spaced.ids.length - plain.tokens[0]);
});

test('the token that begins a sequence comes once, and stands for an empty context', () => {
  const ids = sample.encode('The lake froze');
  expect(requestOf('The lake', 'froze', withBos).ids).toEqual([BOS, ...ids]);
  expect(requestOf('<s>The lake', 'froze', withBos).ids).toEqual([BOS, ...ids]);
  const empty = requestOf('', 'froze', withBos);
  expect(empty.ids).toEqual([BOS, ...sample.encode(' froze')]);
  expect(empty.predicts).toBe(empty.ids.length - 1);
  const ends: Tokenizer = { ...sample, bosId: null, eosId: 7 };
  expect(requestOf(' ', 'froze', ends).ids).toEqual([7, ...sample.encode('  froze')]);
  const first = sample.encode(' froze')[0]!;
  const same = requestOf('', 'froze', { ...sample, bosId: first });
  expect([same.ids, same.tokens[0]]).toEqual([sample.encode(' froze'), 1]);
  expect(() => requestOf('', 'froze', { ...sample, bosId: null, eosId: null })).toThrow(
    /Choice 1 of row 1 \("froze"\) has an empty context/,
  );
});

test('what is too long loses its beginning; a continuation that is too long is refused', () => {
  const whole = requestOf('The lake froze because the air', 'was very cold');
  const cut = requestOf('The lake froze because the air', 'was very cold', sample, whole.predicts);
  expect(cut.ids).toEqual(whole.ids.slice(-whole.predicts - 1));
  expect([cut.predicts, cut.tokens]).toEqual([whole.predicts, whole.tokens]);
  expect(() => requestOf('The', 'was very cold', sample, whole.predicts - 1)).toThrow(
    /has \d+ tokens, but the model takes at most/,
  );
  expect(() =>
    taskRequests({ ...row('The lake', ''), continuations: [''] }, sample, {
      maxLength: 8,
      task: 'piqa',
    }),
  ).toThrow(/of PIQA .* has no tokens that could be predicted/);
});

test('texts are trimmed and capitalised as Python does', () => {
  expect(trim('\u001c\u0085 \ufeffa\u00a0\u3000')).toBe('\ufeffa');
  expect(['he THEN', 'ÉCOLE', 'ßa', 'ǆX', '', 'ΑΣ', 'აბ', 'ᾳ', 'ᾴ', 'ŉA'].map(capitalize)).toEqual([
    'He then',
    'École',
    'Ssa',
    'ǅx',
    '',
    'Ας',
    'აბ',
    'ᾼ',
    'Ά\u0345',
    'ʼNa',
  ]);
});

test('brackets go, within a line, as in the harness', () => {
  const texts = ['[a] b [c [title]', ' x [y]  [z\n] [w\nv] u', '[', 'a [[b]] c'];
  const pattern = (text: string): string =>
    trim(text)
      .replaceAll(' [title]', '. ')
      .replaceAll(/\[[^\n]*?\]/g, '')
      .replaceAll('  ', ' ');
  const { choices } = hellaswag({ activity: '', a: '', b: '' }, texts);
  expect(choices).toEqual(texts.map(pattern));
  const many = '['.repeat(300_000);
  expect(hellaswag({ activity: many, a: '', b: '' }, []).context).toContain(many);
});

test('a subset is the same for a seed, in the order of the file, and grows by its limit', () => {
  const data: TaskData = {
    task: 'x',
    source: { files: [], builtIn: false },
    sha256: '',
    rows: Array.from({ length: 50 }, (_, doc) => ({ ...row('', ''), doc })),
  };
  const docs = (limit: number | null, seed: number) =>
    chosenRows(data, limit, seed).map(({ doc }) => doc);
  const few = docs(5, 1);
  expect(few).toEqual([...new Set(few)].sort((a, b) => a - b));
  expect(few.length).toBe(5);
  expect(docs(5, 1)).toEqual(few);
  expect(docs(5, 2)).not.toEqual(few);
  expect(docs(20, 1)).toEqual(expect.arrayContaining(few));
  expect(docs(null, 1).length).toBe(50);
  expect(docs(200, 1)).toEqual(docs(null, 1));
});
