// The commands that evaluate and search as users call them: words, exit codes, JSON on disk;
// numbers are the goldens.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { evaluationText, golden, type SampleGolden, samplePath } from '../testing/fixtures.ts';
import { blockOf } from '../units.ts';
import { UsageError } from './args.ts';
import { type EvalReport, evaluate } from './evaluate.ts';
import { type SearchReport, search } from './search.ts';

const expected = golden<SampleGolden & { greedy: { removed: number; ppl: number }[] }>('sample');
let temporary = '';
beforeAll(() => {
  temporary = mkdtempSync(join(tmpdir(), 'espalier-cli-'));
  writeFileSync(at('text.txt'), evaluationText().slice(0, 12_000));
  writeFileSync(at('windows.json'), JSON.stringify(expected.windows));
});
afterAll(() => rmSync(temporary, { recursive: true, force: true }));

const at = (name: string): string => join(temporary, name);
const json = <T>(name: string): T => JSON.parse(readFileSync(at(name), 'utf8')) as T;
const SAMPLE = [samplePath(), '--model', 'onnx/model.onnx'];

describe('eval', () => {
  test('writes original and plan, with segment length and BOS policy', async () => {
    const words = [
      '--segment',
      '64',
      '--stride',
      '32',
      '--bos',
      'every',
      '--max-segments',
      '5',
      '--remove',
      '7,9.attn',
    ];
    expect(
      await evaluate([...SAMPLE, '--text', at('text.txt'), ...words, '--json', at('eval.json')]),
    ).toBe(0);
    const report = json<EvalReport>('eval.json');
    expect(report).toMatchObject({
      segment: 64,
      stride: 32,
      bos: 'every',
      segments: 5,
      removed: [7, '9.attn'],
      predicted: 63 + 4 * 32,
    });
    expect(report.plan?.nll).toBeGreaterThan(report.original.nll);
    expect(report.klDivergence).toBeGreaterThan(0);
    expect(report.text).toMatchObject({ name: 'text.txt' });
  });

  test.each([
    [['--segment', '1'], UsageError, '--segment takes a whole number of at least 2'],
    [['--stride', '0'], UsageError, '--stride takes a whole number of at least 1'],
    [['--segment', '513'], Error, "longer than this model's context of 512"],
    [
      ['--segment', '64', '--stride', '65'],
      Error,
      'stride of 65 tokens is longer than a segment of 64',
    ],
    [['--remove', '16'], Error, 'no block 16'],
  ])('%j is refused in words', async (words, kind, message) => {
    const error: unknown = await evaluate([...SAMPLE, '--text', at('text.txt'), ...words]).catch(
      (e: unknown) => e,
    );
    expect(error).toBeInstanceOf(kind);
    expect((error as Error).message).toContain(message);
  });

  test('a text must be given and be there', async () => {
    await expect(evaluate(SAMPLE)).rejects.toThrow('Give --text');
    await expect(evaluate([...SAMPLE, '--text', at('nothing.txt')])).rejects.toMatchObject({
      code: 'missing-file',
    });
  });
});

describe('search', () => {
  const windows = (): string[] => ['--windows', at('windows.json'), '--json', at('search.json')];

  test('one-shot measures every plan of the order, up to the bound', async () => {
    const words = [
      '--method',
      'one-shot',
      '--criterion',
      'mag-l1',
      '--remove-count',
      '3',
      '--lock',
      '0-2',
      '--remove',
      '15',
    ];
    expect(await search([...SAMPLE, ...words, ...windows()])).toBe(0);
    const { steps, stoppedBy, start, locked } = json<SearchReport>('search.json');
    expect([start, locked, stoppedBy]).toEqual([[15], [0, 1, 2], 'count']);
    expect(steps.map(({ removed }) => removed.length)).toEqual([2, 3, 4]);
    expect(
      steps.every(
        ({ removed }) =>
          removed.includes(15) && !removed.some((unit) => locked.includes(unit as number)),
      ),
    ).toBe(true);
    expect(steps.map(({ block }) => typeof block)).toEqual(['number', 'number', 'number']);
  });

  test('one-shot by angular distance takes contiguous blocks', async () => {
    const words = [
      '--method',
      'one-shot',
      '--criterion',
      'angular',
      '--remove-count',
      '2',
      '--max-ppl',
      '1000',
    ];
    expect(await search([...SAMPLE, ...words, ...windows()])).toBe(0);
    const { steps } = json<SearchReport>('search.json');
    const [first, second] = (steps[1]?.removed ?? []) as number[];
    expect(second).toBe((first ?? 0) + 1);
  });

  test('iterative takes the golden first step', async () => {
    expect(await search([...SAMPLE, '--remove-count', '1', ...windows()])).toBe(0);
    const { steps, stoppedBy, method } = json<SearchReport>('search.json');
    expect([method, stoppedBy]).toEqual(['iterative', 'count']);
    expect(steps.map(({ removed }) => removed)).toEqual([[expected.greedy[0]?.removed]]);
    expect(
      Math.abs((steps[0]?.measure.ppl ?? Number.NaN) / (expected.greedy[0]?.ppl ?? Number.NaN) - 1),
    ).toBeLessThan(1e-3);
  });

  test('iterative continues from --remove, up to the bound', async () => {
    writeFileSync(
      at('short.json'),
      JSON.stringify(expected.windows.slice(0, 2).map((window) => window.slice(0, 16))),
    );
    const words = [
      '--remove-count',
      '2',
      '--remove',
      '9.attn',
      '--windows',
      at('short.json'),
      '--json',
      at('search.json'),
    ];
    expect(await search([...SAMPLE, ...words])).toBe(0);
    const { steps, start, stoppedBy } = json<SearchReport>('search.json');
    expect([start, stoppedBy]).toEqual([['9.attn'], 'count']);
    expect(
      steps.map(({ removed, block }) => removed.some((unit) => blockOf(unit) === block)),
    ).toEqual([true, true]);
    const [first = 0, second = 0] = steps.map(({ measure }) => measure.ppl ?? Number.NaN);
    const bound = ['--max-ppl', String(Math.max(first, second) * 0.9999)];
    expect(await search([...SAMPLE, ...words, ...bound])).toBe(0);
    const stopped = json<SearchReport>('search.json');
    expect([stopped.stoppedBy, stopped.steps.length]).toEqual(['bound', first > second ? 0 : 1]);
  });

  test.each([
    [['--remove-count', '2', '--criterion', 'angular'], '--method iterative needs --criterion ppl'],
    [['--method', 'one-shot'], 'Give --remove-count'],
    [['--remove-count', '2', '--norms'], '--norms needs'],
    [['--remove-count', '2', '--lock', '3.attn'], '--lock takes whole blocks, not 3.attn'],
    [['--remove-count', '2', '--lock', 'x'], '--lock takes units'],
  ])('%j is wrong usage', async (words, message) => {
    const error: unknown = await search([...SAMPLE, ...words, ...windows()]).catch(
      (e: unknown) => e,
    );
    expect(error).toBeInstanceOf(UsageError);
    expect((error as Error).message).toContain(message);
  });

  test.each([
    [['--lock', '3,16'], 'There is no block 16; the model has blocks 0 to 15.'],
    [['--lock', '3,7', '--remove', '7.attn'], '--remove removes 7.attn, but --lock keeps block 7.'],
    [['--lock', '0-14'], '--remove-count is 2, but at most 1 can be removed.'],
    [['--lock', '0-15'], '--remove-count is 2, but no block can be removed.'],
    [['--remove', '1-14'], 'but at most 1 can be removed.'],
  ])('%j is refused before it searches', async (words, message) => {
    await expect(
      search([...SAMPLE, '--remove-count', '2', ...words, ...windows()]),
    ).rejects.toThrow(message);
  });
});
