// The command line as users call it: words, exit codes, JSON on disk; numbers are the goldens.

import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EspalierError } from '../errors.ts';
import { calibrationText, fixturePath, golden, type SampleGolden, samplePath, wholeCorpus } from '../onnx/testing/fixtures.ts';
import { parseBlocks, UsageError } from './args.ts';
import { type CorpusRow, corpus } from './corpus.ts';
import { inspect } from './inspect.ts';
import { prune } from './prune.ts';
import { type ScoreReport, score } from './score.ts';

let temporary = '';
beforeAll(() => {
  temporary = mkdtempSync(join(tmpdir(), 'espalier-cli-'));
});
afterAll(() => rmSync(temporary, { recursive: true, force: true }));

const at = (name: string): string => join(temporary, name);
const json = <T>(name: string): T => JSON.parse(readFileSync(at(name), 'utf8')) as T;
const FP32 = ['--model', 'onnx/model.onnx'];

describe('words', () => {
  test('block lists', () => {
    expect(parseBlocks('3,7,9-11')).toEqual([3, 7, 9, 10, 11]);
    expect(parseBlocks('')).toEqual([]);
    expect(() => parseBlocks('3,x')).toThrow(UsageError);
    expect(() => parseBlocks('9-3')).toThrow(UsageError);
  });

  test('several graphs and none named is a usage error with the list', async () => {
    await expect(inspect([samplePath()])).rejects.toThrow(/onnx\/model_q4\.onnx/);
    await expect(inspect([samplePath()])).rejects.toBeInstanceOf(UsageError);
  });

  test('a folder that is not there is an error, not a usage error', async () => {
    await expect(inspect([at('nowhere')])).rejects.toBeInstanceOf(EspalierError);
  });
});

test('inspect writes the structure', async () => {
  expect(await inspect([samplePath(), ...FP32, '--json', at('inspect.json')])).toBe(0);
  const summary = json<{ numBlocks: number; params: number; kvBytesPerToken: number; blocks: { params: number }[] }>('inspect.json');
  const expected = golden<SampleGolden>('sample');
  expect(summary.numBlocks).toBe(16);
  expect(summary.params).toBe(expected.params);
  expect(summary.blocks[3]?.params).toBe(expected.block_params);
  expect(summary.kvBytesPerToken).toBe(8192);
});

test('score writes curve and plan; the numbers are PyTorch’s', async () => {
  const expected = golden<SampleGolden>('sample');
  const text = at('calibration.txt');
  writeFileSync(text, calibrationText());
  const words = [samplePath(), ...FP32, '--text', text, '--remove', '7,9', '--json', at('score.json')];
  expect(await score(words)).toBe(0);
  const report = json<ScoreReport>('score.json');
  expect(report.windows).toEqual(expected.windows);
  expect(report.baseline.ppl).toBeCloseTo(expected.baseline_ppl, 3);
  expect(report.order).toEqual(expected.ppl_order);
  expect(report.plan?.ppl).toBeCloseTo(expected.oneshot['2'] ?? 0, 3);
  expect(report.device.kind).toBe('wasm');
});

test('prune writes a folder that verifies, and overwrites nothing', async () => {
  const words = [fixturePath('optimum-llama-nokv'), '--remove', '1,3', '--out', at('pruned'), '--json', at('prune.json')];
  expect(await prune(words)).toBe(0);
  expect(json<{ verification: { status: string } }>('prune.json').verification.status).toBe('verified');
  expect(JSON.parse(readFileSync(at('pruned/config.json'), 'utf8')).num_hidden_layers).toBe(3);
  await expect(prune(words)).rejects.toThrow(/not an empty folder/);
});

describe('corpus', () => {
  const FOLDERS = ['optimum-llama-nokv', 'neg-kv-shared'];

  /** Runs the command on a corpus of two folders, with `change` made to its entries. */
  const run = async (goldens: string, change: Record<string, unknown> = {}): Promise<{ code: number; rows: CorpusRow[] }> => {
    const root = mkdtempSync(join(temporary, 'corpus-'));
    for (const folder of FOLDERS) symlinkSync(fixturePath(folder), join(root, folder));
    const entries = wholeCorpus().filter((entry) => FOLDERS.includes(entry.folder));
    writeFileSync(join(root, 'corpus.json'), JSON.stringify(entries.map((entry) => (entry.supported ? { ...entry, ...change } : entry))));
    const code = await corpus([root, '--golden', goldens, '--json', at('corpus.json')]);
    return { code, rows: json<{ rows: CorpusRow[] }>('corpus.json').rows };
  };

  test('a supported folder holds its goldens, an obstacle is refused', async () => {
    const { code, rows } = await run(fixturePath('golden'));
    expect(rows.map((row) => [row.folder, row.opened, row.ok])).toEqual(
      expect.arrayContaining([
        ['optimum-llama-nokv', true, true],
        ['neg-kv-shared', false, true],
      ]),
    );
    expect(rows.find((row) => row.opened)?.maxNllDiff).toBeLessThan(1e-4);
    expect(code).toBe(0);
  });

  test('an unexpected structure is a miss', async () => {
    const { code, rows } = await run(fixturePath('golden'), { numBlocks: 6 });
    expect(code).toBe(1);
    expect(rows.find((row) => row.expected === 'supported')?.why).toContain('number of blocks is 5, expected 6');
  });

  test('a missing golden is a miss', async () => {
    const { code, rows } = await run(temporary);
    expect(code).toBe(1);
    expect(rows.find((row) => row.expected === 'supported')?.why).toContain('there is no golden');
  });
});
