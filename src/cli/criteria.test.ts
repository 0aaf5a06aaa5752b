// `score --criterion` as users call it, with the goldens' numbers.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { DEFAULT_KIND } from '../runtime/testing/cpuDevices.ts';
import { golden, type SampleGolden, samplePath } from '../testing/fixtures.ts';
import { UsageError } from './args.ts';
import type { CriterionReport } from './criteria.ts';
import { type ScoreReport, type SublayersReport, score } from './score.ts';

type Golden = SampleGolden & {
  mag_l1_linear: number[];
  mag_l2_with_norms: number[];
  block_influence: number[];
  angular_last_token: Record<string, number[]>;
  unit_nll: { attn: number[]; ffn: number[] };
};

const expected = golden<Golden>('sample');
const lines: string[] = [];
let temporary = '';
const at = (name: string): string => join(temporary, name);

beforeAll(() => {
  temporary = mkdtempSync(join(tmpdir(), 'espalier-criteria-'));
  writeFileSync(at('windows.json'), JSON.stringify(expected.windows));
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    lines.push(String(text));
    return true;
  });
});
afterAll(() => {
  vi.restoreAllMocks();
  rmSync(temporary, { recursive: true, force: true });
});

/** Of whole blocks. */
type OfBlocks = Omit<CriterionReport, 'scores'> & { scores: number[] };

/** The report, and what was said beside it. */
async function report<T = OfBlocks>(...words: string[]): Promise<{ found: T; said: string }> {
  lines.length = 0;
  expect(
    await score([samplePath(), '--model', 'onnx/model.onnx', ...words, '--json', at('out.json')]),
  ).toBe(0);
  return { found: JSON.parse(readFileSync(at('out.json'), 'utf8')) as T, said: lines.join('') };
}

const largest = (a: readonly number[], b: readonly number[]): number =>
  Math.max(...a.map((value, k) => Math.abs(value - b[k]!)));
const ascending = (scores: readonly number[]): number[] =>
  [...scores.keys()].sort((a, b) => scores[a]! - scores[b]!);

describe('score --criterion', () => {
  test('taylor says nothing of weights that are streamed where the budget holds none', async () => {
    lines.length = 0;
    const words = ['--criterion', 'taylor', '--windows', at('windows.json'), '--budget', '1'];
    const scoring = score([samplePath(), '--model', 'onnx/model.onnx', ...words]);
    await expect(scoring).rejects.toMatchObject({ code: 'too-large' });
    expect(lines.join('')).not.toContain('streamed');
  });

  test('mag-l1 and mag-l2, without a text', async () => {
    const l1 = await report('--criterion', 'mag-l1');
    expect(
      largest(l1.found.scores, expected.mag_l1_linear) / expected.mag_l1_linear[0]!,
    ).toBeLessThan(1e-5);
    expect(l1.found).toMatchObject({
      criterion: 'mag-l1',
      norms: false,
      order: ascending(expected.mag_l1_linear),
      bytesRead: 11010048,
    });
    expect(l1.said).toContain(`remove first: ${ascending(expected.mag_l1_linear).join(', ')}`);
    const l2 = await report('--criterion', 'mag-l2', '--norms');
    expect(
      largest(l2.found.scores, expected.mag_l2_with_norms) / expected.mag_l2_with_norms[0]!,
    ).toBeLessThan(1e-5);
    expect(l2.said).toContain('norm vectors');
  });

  test('block-influence and angular', async () => {
    const influence = await report(
      '--criterion',
      'block-influence',
      '--windows',
      at('windows.json'),
    );
    expect(largest(influence.found.scores, expected.block_influence)).toBeLessThan(1e-5);
    expect(influence.found.order).toEqual(ascending(expected.block_influence));
    expect(influence.found).toMatchObject({
      windows: expected.windows,
      settings: { samples: 10, length: 128 },
      device: { kind: DEFAULT_KIND },
    });
    const angles = expected.angular_last_token[4]!;
    const angular = await report(
      '--criterion',
      'angular',
      '--contiguous',
      '4',
      '--windows',
      at('windows.json'),
    );
    expect(largest(angular.found.scores, angles)).toBeLessThan(1e-5);
    const first = ascending(angles)[0]!;
    expect(angular.found.best).toMatchObject({ first, count: 4 });
    expect(angular.said).toContain(`best 4 contiguous blocks: ${first} to ${first + 3}`);
  });

  test('ppl of attention parts alone', async () => {
    const windows = expected.windows.slice(0, 2);
    writeFileSync(at('two.json'), JSON.stringify(windows));
    const { found, said } = await report<SublayersReport>(
      '--unit',
      'attention',
      '--windows',
      at('two.json'),
    );
    expect(found.parts.map(({ unit }) => unit)).toEqual(
      Array.from({ length: 16 }, (_, block) => `${block}.attn`),
    );
    expect(found.order.length).toBe(16);
    expect(found.baseline.nll).toBeCloseTo(
      (expected.baseline_nll_per_sample[0]! + expected.baseline_nll_per_sample[1]!) / 2,
      4,
    );
    expect(said).toContain(`remove first: ${found.order[0]}`);
  });

  test('ppl of blocks also brings the criteria of hidden states', async () => {
    writeFileSync(at('two.json'), JSON.stringify(expected.windows.slice(0, 2)));
    const { found, said } = await report<ScoreReport>('--windows', at('two.json'));
    expect(found.hidden?.blockInfluence.length).toBe(16);
    expect(said).toContain('2 windows of 128 tokens');
  });

  test.each([
    [
      ['--criterion', 'magnitude'],
      '--criterion is one of ppl, mag-l1, mag-l2, taylor, block-influence, angular',
    ],
    [['--criterion', 'angular'], 'Give either --text <file> or --windows <json>.'],
    [['--criterion', 'ppl', '--norms', '--text', 'x'], '--norms needs'],
    [['--contiguous', '2', '--text', 'x'], '--contiguous needs'],
    [['--criterion', 'mag-l1', '--unit', 'ffn'], '--unit needs'],
    [['--unit', 'ffn', '--remove', '3', '--text', 'x'], '--remove measures a plan'],
    [
      ['--criterion', 'angular', '--contiguous', '0', '--text', 'x'],
      '--contiguous takes a whole number of at least 1',
    ],
  ])('%j is wrong usage', async (words, message) => {
    const error: unknown = await score([samplePath(), ...words]).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(UsageError);
    expect((error as Error).message).toContain(message);
  });

  test('more contiguous blocks than there are', async () => {
    const words = [
      '--criterion',
      'angular',
      '--contiguous',
      '17',
      '--windows',
      at('windows.json'),
      '--model',
      'onnx/model.onnx',
    ];
    await expect(score([samplePath(), ...words])).rejects.toThrow(
      'There are no 17 contiguous blocks; the model has 16.',
    );
  });
});
