// The command that scores zero-shot tasks, as users call it; numbers are those of the
// lm-evaluation-harness.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { fixturePath, golden, samplePath } from '../../testing/fixtures.ts';
import { UsageError } from '../args.ts';
import type { TasksReport } from './report.ts';
import { tasks } from './tasks.ts';

interface TasksGolden {
  maxLength: number;
  mean: number;
  tasks: Record<
    string,
    {
      scores: { acc: number; acc_stderr: number; acc_norm?: number; acc_norm_stderr?: number };
      items: {
        doc: number;
        target: number;
        acc: number;
        accNorm?: number;
        choices: { tokens: [number, number]; logLikelihood: number }[];
      }[];
    }
  >;
}

const expected = golden<TasksGolden>('tasks');
const SAMPLE = [samplePath(), '--model', 'onnx/model.onnx'];
const DATA = fixturePath('tasks');

let temporary = '';
let said = '';
beforeAll(() => {
  temporary = mkdtempSync(join(tmpdir(), 'espalier-tasks-'));
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    said += String(text);
    return true;
  });
});
afterAll(() => {
  vi.restoreAllMocks();
  rmSync(temporary, { recursive: true, force: true });
});

const at = (name: string): string => join(temporary, name);
const report = (name: string) => JSON.parse(readFileSync(at(name), 'utf8')) as TasksReport;

describe('the seven tasks', () => {
  test('have the log-likelihoods, verdicts and scores of the harness', async () => {
    expect(await tasks([...SAMPLE, '--data', DATA, '--json', at('all.json')])).toBe(0);
    const found = report('all.json');
    expect(Object.keys(found.tasks)).toEqual(Object.keys(expected.tasks));
    for (const [name, theirs] of Object.entries(expected.tasks)) {
      const ours = found.tasks[name]!;
      expect(ours).toMatchObject({ rows: 12, total: 12 });
      for (const [i, item] of theirs.items.entries()) {
        const own = ours.items[i]!;
        expect([own.doc, own.target], name).toEqual([item.doc, item.target]);
        expect([own.acc, own.accNorm], `${name} ${i}`).toEqual([item.acc, item.accNorm ?? null]);
        expect(own.choices.map(({ tokens }) => tokens)).toEqual(
          item.choices.map(({ tokens }) => tokens),
        );
        for (const [k, { logLikelihood }] of item.choices.entries())
          expect(
            Math.abs(own.choices[k]!.logLikelihood - logLikelihood),
            `${name} ${i} ${k}`,
          ).toBeLessThan(2e-3);
      }
      const { acc, acc_stderr, acc_norm = null, acc_norm_stderr = null } = theirs.scores;
      expect([ours.acc, ours.accNorm], name).toEqual([
        expect.closeTo(acc, 12),
        acc_norm === null ? null : expect.closeTo(acc_norm, 12),
      ]);
      expect([ours.accStderr, ours.accNormStderr], name).toEqual([
        expect.closeTo(acc_stderr, 12),
        acc_norm_stderr === null ? null : expect.closeTo(acc_norm_stderr, 12),
      ]);
    }
    expect(found.mean).toBeCloseTo(expected.mean, 12);
    expect(found).toMatchObject({
      settings: { limit: null, maxLength: expected.maxLength, addsBos: false },
      complete: true,
    });
    expect(found.plan).toBeUndefined();
    expect(found.tokens.run).toBeLessThan(found.tokens.unshared);
    expect(said).toMatch(/mean of the seven\s+39\.3/);
  });
});

describe('variants', () => {
  test('stand beside the original on the same rows, with differences', async () => {
    const words = ['--tasks', 'piqa,openbookqa', '--limit', '4', '--seed', '1'];
    const plan = ['--remove', '7,9', '--dtype', 'q4'];
    const files = ['--json', at('plan.json'), '--csv', at('plan.csv')];
    expect(await tasks([...SAMPLE, '--data', DATA, ...words, ...plan, ...files])).toBe(0);
    const found = report('plan.json');
    expect(Object.keys(found.tasks)).toEqual(['piqa', 'openbookqa']);
    const docs = found.tasks.piqa!.items.map(({ doc }) => doc);
    expect(docs.length).toBe(4);
    expect(found.quantised?.dtype).toBe('q4');
    for (const variant of [found.plan!, found.quantised!]) {
      const { piqa, openbookqa } = variant.tasks;
      expect(variant.removed).toEqual([7, 9]);
      expect(piqa!.items.map(({ doc }) => doc)).toEqual(docs);
      expect(piqa!.difference?.value).toBeCloseTo(piqa!.acc - found.tasks.piqa!.acc, 12);
      expect(openbookqa!.difference?.value).toBeCloseTo(
        openbookqa!.accNorm! - found.tasks.openbookqa!.accNorm!,
        12,
      );
      expect(variant.meanDifference?.value).toBeCloseTo(variant.mean! - found.mean!, 12);
      const [ours, theirs] = [piqa!, found.tasks.piqa!].map(
        ({ items }) => items[0]!.choices[0]!.logLikelihood,
      );
      expect(Math.abs(ours! - theirs!)).toBeGreaterThan(1e-3);
    }
    // Four rows of two choices and four of four, of three variants, and a header.
    expect(readFileSync(at('plan.csv'), 'utf8').trimEnd().split('\r\n').length).toBe(73);
    expect(said).toMatch(/mean of 2\s/);
  });

  test.each([
    [[], UsageError, 'Give --data'],
    [['--data', DATA, '--builtin'], UsageError, 'not both'],
    [['--data', '/no/such/folder'], Error, 'no file or folder /no/such/folder'],
    [['--data', samplePath()], Error, 'holds rows of a task'],
    [['--data', DATA, '--tasks', 'piqua'], Error, 'Did you mean piqa?'],
    [['--data', DATA, '--remove', '16'], Error, 'no block 16'],
  ])('%j is refused in words', async (words, kind, message) => {
    const error: unknown = await tasks([...SAMPLE, ...words]).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(kind);
    expect((error as Error).message).toContain(message);
  });
});
