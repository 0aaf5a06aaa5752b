// Files of tasks, in every format, as the rows that the lm-evaluation-harness makes of them.

import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { EspalierError } from '../../errors.ts';
import { loadTokenizer } from '../../text/tokenizer.ts';
import { taskRequests } from '../requests.ts';
import { TASKS } from '../table.ts';
import { readTaskFiles, type TaskFile } from './read.ts';

const FOLDER = 'e2e/fixtures/tasks';

const fileOf = (path: string, bytes: Uint8Array): TaskFile => ({
  path,
  size: bytes.length,
  read: async (from, to) => bytes.slice(from, to),
});
const textFile = (path: string, text: string): TaskFile =>
  fileOf(path, new TextEncoder().encode(text));
const namesIn = (task: string): string[] => readdirSync(`${FOLDER}/${task}`).sort();
const fixture = (task: string, name: string, path = `${task}/${name}`): TaskFile =>
  fileOf(path, readFileSync(`${FOLDER}/${task}/${name}`));
const textOf = (task: string, name: string): string =>
  readFileSync(`${FOLDER}/${task}/${name}`, 'utf8');

interface GoldenChoice {
  context?: string | { start: string; end: string; characters: number };
  continuation: string;
  tokens: [number, number];
}
interface Golden {
  maxLength: number;
  tasks: Record<
    string,
    {
      items: {
        doc: number;
        target: number;
        context?: GoldenChoice['context'];
        choices: GoldenChoice[];
      }[];
    }
  >;
}
const golden = JSON.parse(readFileSync('e2e/fixtures/golden/tasks.json', 'utf8')) as Golden;

test('every file alone, and all at once, give the rows of the harness', async () => {
  const tokenizer = loadTokenizer(
    readFileSync('public/sample/tokenizer.json', 'utf8'),
    readFileSync('public/sample/tokenizer_config.json', 'utf8'),
  );
  const all: TaskFile[] = [textFile('tasks/README.md', '# Items {1}\n')];
  for (const { id } of TASKS) {
    const names = namesIn(id);
    const hashes = new Set<string>();
    for (const name of names.filter((one) => !one.endsWith('.lst'))) {
      const beside = names.filter((one) => one === name.replace('.jsonl', '-labels.lst'));
      const { tasks } = await readTaskFiles([name, ...beside].map((one) => fixture(id, one)));
      expect(
        tasks.map(({ task, rows }) => [task, rows.length]),
        name,
      ).toEqual([[id, 12]]);
      hashes.add(tasks[0]!.sha256);
    }
    expect(hashes.size).toBe(1);
    all.push(...names.map((name) => fixture(id, name)));
  }
  const { tasks, ignored } = await readTaskFiles(all);
  expect(ignored.map(({ file }) => file)).toEqual(['tasks/README.md']);
  expect(tasks.map(({ task }) => task)).toEqual(TASKS.map(({ id }) => id));
  for (const { task, rows, source } of tasks) {
    expect(source.files).toEqual(namesIn(task).map((name) => `${task}/${name}`));
    expect(source.note).toBeUndefined();
    for (const [k, item] of golden.tasks[task]!.items.entries()) {
      const row = rows[k]!;
      expect([row.doc, row.target]).toEqual([item.doc, item.target]);
      const requests = taskRequests(row, tokenizer, golden);
      expect(requests.map(({ tokens }) => tokens)).toEqual(item.choices.map((c) => c.tokens));
      for (const [c, { context = item.context, continuation }] of item.choices.entries()) {
        const made = typeof row.context === 'string' ? row.context : row.context[c]!;
        if (typeof context === 'string') expect(made).toBe(context);
        else {
          expect([made.slice(0, 80), made.slice(-80)]).toEqual([context!.start, context!.end]);
          expect([...made].length).toBe(context!.characters);
        }
        expect(row.continuations[c]).toBe(continuation);
        const { ids, predicts, tokens } = requests[c]!;
        expect(ids.length).toBe(Math.min(tokens[0] + tokens[1], golden.maxLength + 1));
        expect(predicts).toBe(tokens[1]);
      }
    }
  }
});

const messageOf = async (...files: TaskFile[]): Promise<string> => {
  try {
    await readTaskFiles(files);
  } catch (error) {
    if (error instanceof EspalierError) return `${error.code}: ${error.message} ${error.hint}`;
    throw error;
  }
  throw new Error('Nothing was refused.');
};

test('files that disagree are refused by name, copies in another order are not', async () => {
  const rows = textOf('hellaswag', 'hellaswag_val.jsonl').trim().split('\n');
  const val = textFile('a/hellaswag_val.jsonl', rows.join('\n'));
  const changed = rows.map((row, k) => (k === 4 ? row.replace(/"label": \d/, '"label": 3') : row));
  expect(await messageOf(val, textFile('b/hellaswag_val.jsonl', changed.join('\n')))).toMatch(
    /a\/hellaswag_val.jsonl and b\/hellaswag_val.jsonl both hold HellaSwag, but row 5 .*answer/,
  );
  const shuffled = textFile('b/val.jsonl', [...changed].reverse().join('\n'));
  expect(await messageOf(val, shuffled)).toMatch(
    /row 5 of the first and row 8 of the second differ in their answers, counted from 1: 1 and 4/,
  );
  expect(await messageOf(val, textFile('b/val.jsonl', rows.slice(1).join('\n')))).toMatch(
    /the one has 12 rows, the other 11/,
  );
  const turned = textFile('b/val.jsonl', [...rows].reverse().join('\r\n'));
  const { tasks } = await readTaskFiles([turned, val]);
  expect(tasks[0]!.source.files).toEqual(['a/hellaswag_val.jsonl', 'b/val.jsonl']);
  expect(tasks[0]!.rows[0]!.context).toMatch(/^Baking bread/);
});

test('answers are in the rows or beside them, and where they are secret that is said', async () => {
  const rows = textOf('piqa', 'valid.jsonl');
  const beside = (text: string): TaskFile => textFile('valid-labels.lst', text);
  const valid = textFile('valid.jsonl', rows);
  expect(await messageOf(valid)).toMatch(/valid.jsonl: the rows of PIQA have no answers.*with its/);
  expect(await messageOf(valid, beside('0\n1\n'))).toMatch(
    /has 2 answers.*valid.jsonl has 12 rows/,
  );
  expect(await messageOf(valid, beside('0\n2\n'))).toMatch(/line 2: "2" is no number from 0 to 1/);
  const winogrande = textFile('dev.jsonl', textOf('winogrande', 'dev.jsonl'));
  const answers = `${textOf('winogrande', 'dev-labels.lst').slice(0, -2)}2\n`;
  expect(await messageOf(winogrande, textFile('dev-labels.lst', answers))).toMatch(
    /dev-labels.lst and dev.jsonl disagree: row 12/,
  );
  const secret = textOf('boolq', 'validation.rows.jsonl').replaceAll(/"label": \d/g, '"label": -1');
  expect(await messageOf(textFile('test.jsonl', secret))).toMatch(/no answers.*validation split/);
  const one = textOf('boolq', 'validation.rows.jsonl').replace(/"label": \d/, '"label": -1');
  expect(await messageOf(textFile('val.jsonl', one))).toMatch(/val.jsonl, line 1: the row has no/);
});

test('of several splits the one that is scored is read, another alone with a note', async () => {
  const text = textOf('arc_easy', 'ARC-Easy-Test.jsonl');
  const train = textFile('ARC-Easy/ARC-Easy-Train.jsonl', text.split('\n').slice(3).join('\n'));
  const both = await readTaskFiles([train, textFile('ARC-Easy/ARC-Easy-Test.jsonl', text)]);
  expect(both.tasks[0]!.rows.length).toBe(12);
  expect(both.ignored).toEqual([
    { file: train.path, why: 'Its rows are for training; those of the test split are scored.' },
  ]);
  const { tasks } = await readTaskFiles([train]);
  expect(tasks[0]!.source.note).toMatch(/rows of the train split; published .* of the test split/);
  expect(await messageOf(train, textFile('ARC-Easy/validation.jsonl', text))).toMatch(
    /Train.jsonl and .*validation.jsonl hold different parts of ARC-easy, none of them the test/,
  );
});

test('names tell tasks of the same form, and so do equal rows', async () => {
  const test1 = fixture('arc_challenge', 'test.rows.jsonl', 'test.jsonl');
  expect(await messageOf(test1)).toMatch(
    /whether test.jsonl holds ARC-easy or ARC-challenge.*Name the file.*"arc_challenge"/,
  );
  const { tasks } = await readTaskFiles([
    test1,
    fixture('arc_challenge', 'ARC-Challenge-Test.jsonl', 'x/y/ARC-Challenge-Test.jsonl'),
  ]);
  expect(tasks.map(({ task, source }) => [task, source.files.length])).toEqual([
    ['arc_challenge', 2],
  ]);
  for (const [path, task] of [
    ['ai2_arc/ARC-Easy/test-00000-of-00001.parquet', 'arc_easy'],
    ['data\\arc_challenge\\test.parquet', 'arc_challenge'],
    ['arc-c.parquet', 'arc_challenge'],
  ] as const) {
    const file = fixture('arc_easy', 'test-00000-of-00001.parquet', path);
    expect((await readTaskFiles([file])).tasks[0]!.task).toBe(task);
  }
  const book = textFile('test.jsonl', textOf('openbookqa', 'test.jsonl'));
  expect((await readTaskFiles([book])).tasks[0]!.task).toBe('openbookqa');
  const pairs = { id: '', question: 'q', choices: [{ text: 'a', label: '1' }], answerKey: 2 };
  pairs.choices.push({ text: 'b', label: '2' });
  const easy = await readTaskFiles([textFile('arc_easy.json', JSON.stringify([pairs]))]);
  expect(easy.tasks[0]!.rows[0]).toMatchObject({ choices: ['a', 'b'], target: 1 });
});

test('BoolQ without titles is labelled, and is a copy of SuperGLUE, which has them', async () => {
  const original = textOf('boolq', 'dev.jsonl');
  const titled = textOf('boolq', 'val.jsonl').replaceAll(
    '"passage": "',
    '"passage": "Everyday things -- ',
  );
  const alone = await readTaskFiles([textFile('dev.jsonl', original)]);
  expect(alone.tasks[0]!.source.note).toMatch(/lack the titles/);
  const { tasks } = await readTaskFiles([
    textFile('dev.jsonl', original),
    textFile('val.jsonl', titled),
  ]);
  expect(tasks[0]!.source).toMatchObject({ files: ['dev.jsonl', 'val.jsonl'], note: undefined });
  expect(tasks[0]!.rows[0]!.context).toMatch(/^Everyday things -- Ice floats/);
});

test('parts of a file are joined, and none may be missing', async () => {
  const rows = textOf('openbookqa', 'test.rows.jsonl').trim().split('\n');
  const [a, b] = [rows.slice(0, 5), rows.slice(5)].map((some, k) =>
    textFile(`test-0000${k}-of-00002.jsonl`, some.join('\n')),
  ) as [TaskFile, TaskFile];
  const { tasks } = await readTaskFiles([b, a, fixture('openbookqa', 'test.jsonl')]);
  expect(tasks[0]!.rows.length).toBe(12);
  expect(await messageOf(b)).toMatch(/test-of-00002.jsonl has 2 parts, of which 1 .* are missing/);
});

test('own files name the right choice by number, letter or text', async () => {
  const own = (...answers: unknown[]): TaskFile =>
    textFile(
      'mine/colours.jsonl',
      `\ufeff${answers
        .map((answer) => JSON.stringify({ context: 'Grass is', choices: ['green', 'B'], answer }))
        .join('\r\n\r\n')}\r\n`,
    );
  const { tasks } = await readTaskFiles([own(1, 0, 'a', 'green')]);
  expect(tasks[0]).toMatchObject({ task: 'colours', source: { files: ['mine/colours.jsonl'] } });
  expect(tasks[0]!.rows.map(({ target }) => target)).toEqual([1, 0, 0, 0]);
  expect(tasks[0]!.rows[0]).toEqual({
    doc: 0,
    context: 'Grass is',
    continuations: [' green', ' B'],
    choices: ['green', 'B'],
    target: 1,
  });
  expect(await messageOf(own(0, 'red'))).toMatch(/colours.jsonl, line 3: "answer" is "red"/);
  expect(await messageOf(own(2))).toMatch(/line 1: "answer" is 2, which is no index from 0 to 1/);
  const crossed = { context: '', choices: ['B', 'A'], answer: 'A' };
  expect(await messageOf(textFile('x.jsonl', JSON.stringify(crossed)))).toMatch(
    /may be choice 1 or choice 0/,
  );
  const list = JSON.stringify(
    [crossed, crossed].map((row) => ({ ...row, answer: 0 })),
    null,
    1,
  );
  expect((await readTaskFiles([textFile('x.json', list)])).tasks[0]!.rows.length).toBe(2);
  expect(await messageOf(textFile('PIQA.jsonl', JSON.stringify(crossed)))).toMatch(
    /PIQA.jsonl .* the name of a task/,
  );
});

test('a line that is broken is named, files without rows are ignored with the reason', async () => {
  const rows = textOf('winogrande', 'dev.jsonl').trim().split('\n');
  const broken = (line: string): TaskFile =>
    textFile('dev.jsonl', [...rows.slice(0, 4), '', line].join('\n'));
  expect(await messageOf(broken('{"sentence": "a'))).toMatch(/dev.jsonl, line 6: .*not valid JSON/);
  expect(await messageOf(broken('{"sentence": "a _"}'))).toMatch(
    /line 6: "option1" must be a text/,
  );
  expect(await messageOf(broken(rows[0]!.replace('_', ''))).then()).toMatch(/line 6: .*no gap/);
  const latin = new Uint8Array([...new TextEncoder().encode(`${rows[0]}\n`), 0xe9, 10]);
  expect(await messageOf(fileOf('dev.jsonl', latin))).toMatch(/line 2: the bytes are no text/);
  expect(await messageOf(textFile('dev.jsonl', `[1]\n${rows[0]}`))).toMatch(
    /dev.jsonl, line 1: the line is not a JSON object/,
  );
  const { ignored } = await readTaskFiles([
    textFile('config.json', '{\n  "model_type": "llama"\n}\n'),
    textFile(
      'qasc/test.jsonl',
      '{"question":{"stem":"a"},"formatted_question":"","answerKey":"A"}',
    ),
    textFile('notes.txt', ''),
    textFile('broken.jsonl', '{"a":\n'),
    fileOf('x.jsonl.gz', new Uint8Array([0x1f, 0x8b, 8])),
    fixture('winogrande', 'dev-labels.lst'),
  ]);
  expect(Object.fromEntries(ignored.map(({ file, why }) => [file, why]))).toEqual({
    'broken.jsonl': 'Line 1 is not valid JSON.',
    'config.json': 'It holds no rows of a task.',
    'notes.txt': 'It is empty.',
    'qasc/test.jsonl': 'Its fields are those of no task: question, formatted_question, answerKey.',
    'winogrande/dev-labels.lst': 'It holds answers, but no file of rows that is read is beside it.',
    'x.jsonl.gz': 'It is compressed: unpack it first.',
  });
});

test('damaged Parquet files are refused by name', async () => {
  const good = readFileSync(`${FOLDER}/piqa/validation-00000-of-00001.parquet`);
  const damaged = (change: (bytes: Uint8Array) => void): TaskFile => {
    const bytes = new Uint8Array(good);
    change(bytes);
    return fileOf('piqa.parquet', bytes);
  };
  const length = good.length;
  const named = /piqa.parquet cannot be read as a Parquet file/;
  expect(await messageOf(damaged((b) => b.fill(0xff, length - 8, length - 4)))).toMatch(named);
  expect(await messageOf(damaged((b) => b.fill(0, length - 1200, length - 1100)))).toMatch(named);
  expect(await messageOf(damaged((b) => b.fill(0xff, 4, 200)))).toMatch(named);
  expect(await messageOf(fileOf('piqa.parquet', good.subarray(0, length - 9)))).toMatch(named);
  expect(await messageOf(textFile('piqa.parquet', 'PAR1\0\0\0\0PAR1'))).toMatch(
    /piqa.parquet cannot be read as a Parquet file: its bytes contradict each other/,
  );
});

test('texts of Parquet files are taken as they are, if they are UTF-8', async () => {
  const good = readFileSync(`${FOLDER}/piqa/validation-00000-of-00001.parquet`);
  const beginningWith = (start: number[]): TaskFile => {
    const bytes = Buffer.from(good);
    for (let at = bytes.indexOf('To keep'); at >= 0; at = bytes.indexOf('To keep', at))
      bytes.set(start, at);
    return fileOf('piqa.parquet', bytes);
  };
  const { tasks } = await readTaskFiles([beginningWith([0xef, 0xbb, 0xbf])]);
  expect(tasks[0]!.rows[0]!.context).toMatch(/^Question: \ufeffkeep soup/);
  expect(await messageOf(beginningWith([0xff]))).toMatch(/a text that is not in UTF-8/);
});

test('lines are counted, however long', async () => {
  const rows = textOf('piqa', 'valid.jsonl').split('\n');
  const long = JSON.stringify({ goal: 'a'.repeat(2.5 * 2 ** 20), sol1: 'b', sol2: 'c', label: 0 });
  const file = (...lines: string[]): TaskFile => textFile('valid.jsonl', lines.join('\n'));
  expect(await messageOf(file(rows[0]!, long, '{'))).toMatch(/line 3/);
  expect(await messageOf(file(long, '{'))).toMatch(/line 2/);
});

test('a Parquet file whose few bytes ask for a billion values is refused before', async () => {
  const good = readFileSync(`${FOLDER}/openbookqa/test-00000-of-00001.parquet`);
  // The definition levels of answerKey: their length, and a run of 12 values.
  const levels = 1724;
  expect([...good.subarray(levels, levels + 6)]).toEqual([2, 0, 0, 0, 24, 1]);
  for (const changed of [
    [6, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff, 0x07, 1],
    [2, 0, 0, 0, 0, 1],
  ]) {
    const bytes = new Uint8Array(good);
    bytes.set(changed, levels);
    expect(await messageOf(fileOf('obqa/test.parquet', bytes))).toMatch(
      /cannot be read as a Parquet file: (a run of 1073741823 values on a page|levels are cut off)/,
    );
  }
});
