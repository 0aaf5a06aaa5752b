// A model that gives NaN itself, on the command line: said first, no order, null in JSON, and exit
// codes that tell a result from a refusal.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Verification } from '../contract/verify.ts';
import { caseExpect, casePath } from '../testing/fixtures.ts';
import type { CriterionReport } from './criteria.ts';
import { prune } from './export/prune.ts';
import { type ScoreReport, score } from './score.ts';
import { search } from './search.ts';

const NAME = 'intact-model-not-a-number';
const MODEL = casePath(`${NAME}/model`);
const FIRST = /block 2 is the first whose output is not finite/;

let temporary = '';
const at = (name: string) => join(temporary, name);
const json = <T>(name: string) => JSON.parse(readFileSync(at(name), 'utf8')) as T;
const said: string[] = [];

beforeAll(() => {
  temporary = mkdtempSync(join(tmpdir(), 'espalier-nan-'));
  const { windows } = caseExpect<{ windows: number[][] }>(NAME);
  writeFileSync(at('w.json'), JSON.stringify(windows));
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => said.push(String(text)) > 0);
  vi.spyOn(process.stdout, 'write').mockImplementation(() => true);
});
afterAll(() => {
  vi.restoreAllMocks();
  rmSync(temporary, { recursive: true, force: true });
});

const onWindows = (name: string, ...more: string[]) => {
  said.length = 0;
  return [MODEL, '--windows', at('w.json'), '--json', at(name), ...more];
};

test('score: the sentence first, no order, null and no bare NaN', async () => {
  expect(await score(onWindows('score.json'))).toBe(0);
  const report = json<ScoreReport>('score.json');
  expect(report.baseline).toMatchObject({ nll: null, ppl: null });
  expect(report.order).toEqual([]);
  expect(report.warnings?.[0]).toMatch(FIRST);
  expect(said[0]).toMatch(FIRST);
  expect(said.join('')).toContain('numbers come back without block 2');
  expect(said.join('')).not.toContain('remove first');
});

test('score by hidden states: no order either; by magnitudes as ever', async () => {
  expect(await score(onWindows('bi.json', '--criterion', 'block-influence'))).toBe(0);
  const hidden = json<CriterionReport>('bi.json');
  expect([hidden.order, hidden.scores.slice(2)]).toEqual([[], [null, null]]);
  expect(said[0]).toMatch(FIRST);
  expect(await score([MODEL, '--criterion', 'mag-l1', '--json', at('mag.json')])).toBe(0);
  expect(json<CriterionReport>('mag.json').order).toHaveLength(4);
});

test('search: refused by what ranks nothing, measured by magnitudes with the warning', async () => {
  for (const method of ['iterative', 'one-shot'])
    await expect(
      search(onWindows('search.json', '--remove-count', '1', '--method', method)),
    ).rejects.toThrow(FIRST);
  const mag = ['--remove-count', '1', '--method', 'one-shot', '--criterion', 'mag-l1'];
  expect(await search(onWindows('search.json', ...mag))).toBe(0);
  expect(json<{ warnings: string[] }>('search.json').warnings[0]).toMatch(FIRST);
  expect(said[0]).toMatch(/the plans compare with nothing; block 2/);
});

test('prune: unverified, since the source itself gives NaN; exit code 0', async () => {
  said.length = 0;
  const target = ['--out', at('out'), '--json', at('prune.json')];
  expect(await prune([MODEL, '--remove', '1', ...target])).toBe(0);
  const { verification } = json<{ verification: Verification }>('prune.json');
  expect(verification.status).toBe('unverified');
  expect(verification.checks.map(({ detail }) => detail).join(' ')).toContain(
    'the source itself gives NaN: block 2 is the first whose output is not finite',
  );
  expect(said.join('')).toContain('the source itself gives NaN');
});
