// The command that narrows as users call it: words, exit codes, JSON on disk, the folder that is
// written; numbers are the goldens.

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fixturePath, golden, samplePath } from '../../testing/fixtures.ts';
import { UsageError } from '../args.ts';
import type { WidthReport } from './report.ts';
import { width } from './width.ts';

interface Row {
  removedGroups: number[][];
  removedChannels: number[][];
  removedWeights: number;
  nll: number;
  nllCompensated: number;
  nllCompensatedWindows: number[];
}

let temporary = '';
beforeAll(() => {
  temporary = mkdtempSync(join(tmpdir(), 'espalier-width-'));
  writeFileSync(at('windows.json'), JSON.stringify(golden('sample').windows));
});
afterAll(() => rmSync(temporary, { recursive: true, force: true }));

const at = (name: string): string => join(temporary, name);
const json = (name: string): WidthReport => JSON.parse(readFileSync(at(name), 'utf8'));
const SAMPLE = [samplePath(), '--model', 'onnx/model.onnx'];
const words = (line: string): string[] =>
  line.split(' ').map((word) => (/\.json$|^out$/.test(word) ? at(word) : word));

test('the golden numbers, beside a plan of as many weights', async () => {
  const row = golden<Record<string, Row>>('width')['flap-0.25'] as Row;
  const line = '--method flap --ratio 0.25 --windows windows.json --alone --json flap.json';
  expect(await width([...SAMPLE, ...words(line)])).toBe(0);
  const report = json('flap.json');
  expect(report).toMatchObject({
    ...{ method: 'flap', ratio: 0.25, depth: null, speeds: null, equalLayers: false },
    removedGroups: row.removedGroups,
    removedChannels: row.removedChannels,
    removedWeights: row.removedWeights,
  });
  expect(Math.abs(report.nll - row.nll)).toBeLessThan(1e-4);
  expect(Math.abs((report.nllCompensated ?? 0) - row.nllCompensated)).toBeLessThan(1e-4);
  for (const [k, nll] of row.nllCompensatedWindows.entries())
    expect(Math.abs((report.nllCompensatedPerWindow?.[k] ?? 0) - nll)).toBeLessThan(1e-4);
});

test('measures speeds beside a depth plan, and writes what it measured', async () => {
  const name = 'genai-phi3long-fp32-cpu';
  writeFileSync(at('rows.json'), JSON.stringify(golden(name).windows.slice(0, 2)));
  const line =
    '--method llm-pruner --like 1 --windows rows.json --speed --batches 2,1 --tokens 2 ' +
    '--warmup 0 --runs 2 --out out --json report.json';
  expect(await width([fixturePath(name), ...words(line)])).toBe(0);
  const { depth, difference, speeds, written, ...report } = json('report.json');
  expect(depth?.removed).toEqual([1]);
  expect(Math.abs(report.removedWeights / (depth?.removedWeights ?? 0) - 1)).toBeLessThan(0.02);
  expect(difference?.ci95[0]).toBeLessThanOrEqual(difference?.nll ?? 0);
  expect(speeds?.batches.map(({ batch }) => batch)).toEqual([1, 2]);
  for (const { original, depth, width, widthOverDepth } of speeds?.batches ?? []) {
    expect(original?.throughput.mean).toBeGreaterThan(0);
    expect([original?.gain, depth?.gain?.ratio, width?.gain?.ratio, widthOverDepth?.ratio]).toEqual(
      [null, ...Array(3).fill(expect.any(Number))],
    );
  }
  expect(written?.verification.status).toBe('verified');
  expect(existsSync(join(at('out'), 'espalier.json'))).toBe(true);
});

test.each([
  ['--method wanda-sp --ratio 1', 'share between 0 and 1'],
  ['--method wanda-sp --ratio 0.2 --like 3', 'one of --ratio, --weights and --like'],
  ['--method wanda-sp --flap-variance as-run', 'of --method flap alone'],
  ['--method flap --tokens 3', 'add --speed'],
  ['--method flap --like 3 --alone', 'leave out --alone'],
  ['--method flap --speed --batches 1,x', '--batches takes whole numbers'],
])('%s is wrong usage', async (line, message) => {
  const asked = width([...SAMPLE, '--windows', at('windows.json'), ...line.split(' ')]);
  await expect(asked).rejects.toThrow(UsageError);
  await expect(asked).rejects.toThrow(message);
});
