// The command that heals as users call it: words, exit codes, JSON, the folder that is written; and
// the settings that its options come to.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PAPER_RECIPE, REFIT_DEFAULTS, TRAIN_DEFAULTS } from '../../contract/healDefaults.ts';
import { calibrationText, evaluationText, samplePath } from '../../testing/fixtures.ts';
import { UsageError } from '../args.ts';
import { parseWords } from '../options.ts';
import { FOLDER } from '../sharedOptions.ts';
import { heal } from './heal.ts';
import { HEAL_OPTIONS, heldOutOf, methodsOf, settingsOf } from './options.ts';
import type { reportOf } from './report.ts';

let temporary = '';
beforeAll(() => {
  temporary = mkdtempSync(join(tmpdir(), 'espalier-heal-'));
  writeFileSync(at('text.txt'), calibrationText().slice(0, 4000));
  writeFileSync(at('other.txt'), evaluationText().slice(0, 1000));
  writeFileSync(at('latin.txt'), Buffer.from('caf\u00e9 '.repeat(99), 'latin1'));
  writeFileSync(at('rows.jsonl'), '{"question": "a"}\n');
  mkdirSync(at('full'));
  writeFileSync(at('full/file'), '');
});
afterAll(() => rmSync(temporary, { recursive: true, force: true }));

const at = (name: string): string => join(temporary, name);
const SAMPLE = [samplePath(), '--model', 'onnx/model.onnx'];
const words = (line: string): string[] =>
  line.split(' ').map((word) => (/\.(txt|jsonl|json)$|^(out|full)$/.test(word) ? at(word) : word));

test('a refit and a training are measured, written and verified', async () => {
  const line =
    '--remove 2,7-9 --method refit,lora --text text.txt --evaluate other.txt --samples 4 ' +
    '--steps 1 --batch 1 --length 16 --rank 2 --held-out 0.2 --out out --json heal.json';
  expect(await heal([...SAMPLE, ...words(line)])).toBe(0);
  const report = JSON.parse(readFileSync(at('heal.json'), 'utf8')) as ReturnType<typeof reportOf>;
  expect(report.removed).toEqual([2, 7, 8, 9]);
  expect(report.measured.map(({ set }) => set)).toEqual(['fit', 'held-out', 'foreign']);
  expect(report.methods).toMatchObject([{ method: 'refit' }, { method: 'lora', rank: 2 }]);
  expect(report.methods[1]).not.toHaveProperty('blocks');
  for (const { pruned, healed, ppl } of report.measured) {
    expect(ppl.pruned).toBeCloseTo(Math.exp(pruned), 9);
    expect(ppl.healed).toBeCloseTo(Math.exp(healed), 9);
    expect(ppl.control).toBeNull();
  }
  expect(report.healing.steps.map(({ method }) => method)).toEqual(['refit', 'lora']);
  expect(report.written?.verification.status).toBe('verified');
  const { files = [] } = report.written ?? {};
  expect(files.map(({ path }) => path)).toEqual(
    expect.arrayContaining(['onnx/model.onnx', 'config.json', 'espalier.json']),
  );
  expect(JSON.stringify(report).length).toBeLessThan(40_000);
});

test('names what quantising changed matrices again costs, on every text', async () => {
  const line = '--remove 7 --text text.txt --samples 2 --length 16 --held-out 0.2 --json q4.json';
  expect(await heal([samplePath(), '--model', 'onnx/model_q4.onnx', ...words(line)])).toBe(0);
  const report = JSON.parse(readFileSync(at('q4.json'), 'utf8')) as ReturnType<typeof reportOf>;
  expect(report.forms?.map(({ set }) => set)).toEqual(['fit', 'held-out']);
  for (const [k, { again, float, ppl }] of report.forms!.entries()) {
    expect(again).toBe(report.measured[k]?.healed);
    expect(float).not.toBe(again);
    expect(Math.abs(float - again)).toBeLessThan(0.02);
    expect(ppl.float).toBeCloseTo(Math.exp(float), 9);
  }
});

test.each([
  ['--remove 2', UsageError, 'Give --text <file>'],
  ['--text text.txt', UsageError, 'Give --remove <units>'],
  ['--remove= --text text.txt', UsageError, '--remove is empty'],
  ['--remove 2 --text text.txt --method magic', UsageError, 'not "magic"'],
  ['--remove 2 --text text.txt --method lora,refit', UsageError, 'not "lora,refit"'],
  ['--remove 2 --text text.txt --steps 4', UsageError, '--steps belongs to a training'],
  ['--remove 2 --text text.txt --method=full --rank 4', UsageError, '--rank belongs to lora'],
  ['--remove 2 --text text.txt --method lora --head', UsageError, '--head belongs to full'],
  [
    '--remove 2 --text text.txt --method lora --samples 4',
    UsageError,
    '--samples belongs to refit',
  ],
  ['--remove 2 --text text.txt --control', UsageError, 'add a training'],
  ['--remove 2 --text text.txt --method refit,lora --adapter out', UsageError, '--method lora'],
  [
    '--remove 2 --text text.txt --method lora --out new --adapter new/adapter',
    UsageError,
    'a folder each',
  ],
  ['--remove 2 --text latin.txt', Error, 'latin.txt is not a text in UTF-8'],
  ['--remove 2 --text text.txt --held-out 1', UsageError, 'below 1, not "1"'],
  ['--remove 2 --text text.txt --method lora --loss mse', UsageError, 'not "mse"'],
  ['--remove 2 --text text.txt --method lora --loss 1.5', UsageError, 'not "1.5"'],
  ['--remove 2 --text text.txt --method lora --lr 0', UsageError, '--lr takes a number above 0'],
  ['--remove 2 --text text.txt --method lora --rank 513', UsageError, 'from 1 to 512'],
  ['--remove 2 --text text.txt --seed 4294967296', UsageError, 'from 0 to 4294967295'],
  ['--remove 2 --text text.txt --method lora --weight-decay 1', UsageError, 'a share below 1'],
  ['--remove 2 --text text.txt --out full', Error, 'is not an empty folder'],
  ['--remove 2 --text rows.jsonl', Error, 'line 1 has no field "answer"'],
  ['--remove 2 --text none.txt', Error, 'cannot be read'],
  ['--remove 16 --text text.txt', Error, 'no block 16'],
  ['--remove 0 --text text.txt', Error, 'can be refitted'],
])('%s is refused in words', async (line, kind, message) => {
  const error: unknown = await heal([...SAMPLE, ...words(line)]).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(kind);
  expect((error as Error).message).toContain(message);
});

describe('settings', () => {
  function settings(line: string, rows: number | null = null, params = 3e6) {
    const parts = line === '' ? [] : line.split(' ');
    const { values, given } = parseWords(['a', ...parts], FOLDER, HEAL_OPTIONS);
    const heldOut = heldOutOf(values, methodsOf(values.method));
    return { heldOut, settings: settingsOf(values, given, { params, rows }) };
  }

  test('of a refit take the whole text, unless told', () => {
    expect(settings('')).toEqual({ heldOut: 0, settings: [REFIT_DEFAULTS] });
    const told = settings('--refit-all --samples all --length 64 --held-out 0.3 --seed 5');
    const refit = { all: true, ridge: 0.1, samples: null, length: 64, seed: 5 };
    expect(told).toEqual({ heldOut: 0.3, settings: [{ ...REFIT_DEFAULTS, ...refit }] });
  });

  test('of a training hold out a tenth; the rate falls with the size of the model', () => {
    expect(settings('--method lora')).toEqual({ heldOut: 0.1, settings: [TRAIN_DEFAULTS] });
    expect(settings('--method lora', null, 7e9).settings).toMatchObject([{ rate: 2e-4 }]);
    expect(settings('--method full --head --no-norms --max-norm 0').settings).toMatchObject([
      { method: 'full', rate: 2e-4, head: true, norms: false, maxNorm: null },
    ]);
    const both = settings('--method refit,lora --loss 0.5 --lr 1e-3 --order shuffled').settings;
    expect(both).toMatchObject([
      { method: 'refit' },
      { method: 'lora', kl: 0.5, rate: 1e-3, order: 'shuffled' },
    ]);
  });

  test('of the paper are those of its recipe, with two epochs of the rows', () => {
    const { epochs, ...recipe } = PAPER_RECIPE;
    expect(epochs).toBe(2);
    const line = '--method lora --preset paper';
    expect(settings(line, 50_000).settings).toEqual([{ ...recipe, steps: 1563 }]);
    expect(settings(`${line} --batch 8 --steps 3`, 50_000).settings).toEqual([
      { ...recipe, steps: 3, batch: 8 },
    ]);
  });
});
