// Scores and differences: held to what the lm-evaluation-harness made of its own log-likelihoods,
// and to counts by hand.

import { describe, expect, test } from 'vitest';
import { golden } from '../testing/fixtures.ts';
import { difference, meanDifferences, means } from './compare.ts';
import { itemOf, rowsWithoutNumbers, scoresOf } from './scores.ts';
import type { ChoiceScore, TaskItem, TaskScores } from './types.ts';

interface TasksGolden {
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
        choices: (ChoiceScore & { continuation: string })[];
      }[];
    }
  >;
}

const expected = golden<TasksGolden>('tasks');
const BY_CHARACTER = ['hellaswag', 'arc_challenge', 'openbookqa'];

/** Our scores of the harness's log-likelihoods. */
function scored(name: string): TaskScores {
  const { items, scores } = expected.tasks[name]!;
  const hasAccNorm = scores.acc_norm !== undefined;
  const ours = items.map(({ doc, target, choices }) =>
    itemOf(
      { doc, target, choices: choices.map(({ continuation }) => continuation.slice(1)) },
      { hasAccNorm },
      choices,
    ),
  );
  return scoresOf(ours, items.length, hasAccNorm);
}

describe('the harness', () => {
  test.each(Object.keys(expected.tasks))('%s: verdicts and scores are equal', (name) => {
    const { items, scores } = expected.tasks[name]!;
    const ours = scored(name);
    expect(ours.items.map(({ acc, accNorm }) => [acc, accNorm])).toEqual(
      items.map(({ acc, accNorm }) => [acc, accNorm ?? null]),
    );
    const all = [ours.acc, ours.accStderr, ours.accNorm, ours.accNormStderr];
    const theirs = [scores.acc, scores.acc_stderr, scores.acc_norm, scores.acc_norm_stderr];
    for (const [i, value] of all.entries())
      if (value === null) expect(theirs[i]).toBeUndefined();
      else expect(value).toBeCloseTo(theirs[i]!, 12);
  });

  test('the mean of the seven', () => {
    const tasks = Object.keys(expected.tasks).map((name) => ({
      metric: BY_CHARACTER.includes(name) ? ('accNorm' as const) : ('acc' as const),
      outcomes: [{ ...scored(name), variant: 0 }],
    }));
    expect(means(tasks, 2)).toEqual([expect.closeTo(expected.mean, 12), null]);
    expect(meanDifferences(tasks, 2)).toEqual([null, null]);
  });
});

const row = (choices: string[], target = 0): Parameters<typeof itemOf>[0] => ({
  doc: 3,
  target,
  choices,
});
const sums = (...values: number[]): ChoiceScore[] =>
  values.map((logLikelihood) => ({ tokens: [4, 2], logLikelihood }));

describe('verdicts', () => {
  test('the first maximum wins; characters beyond 16 bits count once', () => {
    expect(itemOf(row(['a', 'b'], 1), { hasAccNorm: true }, sums(-2, -2))).toMatchObject({
      acc: 0,
      chosen: 0,
    });
    // By code units -6 / 4 would beat -4 / 2.
    const wide = itemOf(row(['𝄞𝄞', 'ab'], 1), { hasAccNorm: true }, sums(-6, -4));
    expect(wide).toMatchObject({ accNorm: 1, chosenNorm: 1 });
  });

  test('a row without numbers has no answer, and is counted', () => {
    const item = itemOf(row(['a', 'b']), { hasAccNorm: true }, sums(-1, Number.NaN));
    expect(item).toMatchObject({ acc: 0, accNorm: 0, chosen: -1, chosenNorm: -1 });
    expect(rowsWithoutNumbers([item])).toBe(1);
    const impossible = itemOf(row(['a', 'b']), { hasAccNorm: false }, sums(-1, -Infinity));
    expect(impossible).toMatchObject({ acc: 1, accNorm: null });
    expect(() => itemOf(row(['a', 'b']), { hasAccNorm: false }, sums(-1))).toThrow('1 log-like');
  });

  test('one row has no spread', () => {
    const item = itemOf(row(['a', 'b']), { hasAccNorm: false }, sums(-1, -2));
    expect(scoresOf([item], 9, false)).toMatchObject({ rows: 1, total: 9, acc: 1, accStderr: 0 });
    expect(scoresOf([], 9, true)).toMatchObject({ rows: 0, acc: Number.NaN, accNorm: Number.NaN });
  });
});

describe('differences', () => {
  const answers = (verdicts: string, from = 0): TaskItem[] =>
    [...verdicts].map((verdict, i) => ({
      ...itemOf(row(['a', 'b']), { hasAccNorm: false }, sums(verdict === '1' ? -1 : -3, -2)),
      doc: from + i,
    }));

  test('are over the rows that both have answered', () => {
    const first = answers('1100110011');
    const other = answers('0110011', 2);
    // Rows 2 to 8: 0011001 against 0110011.
    expect(difference(first, other, 'acc')?.value).toBeCloseTo(1 / 7, 12);
    expect(difference(first, answers('1', 20), 'acc')).toBeNull();
  });

  test('the interval is that of the paired draws', () => {
    const even = difference(answers('1'.repeat(50)), answers('1'.repeat(50)), 'acc');
    expect(even).toEqual({ value: 0, ci95: [0, 0] });
    const worse = difference(answers('1'.repeat(100)), answers('10'.repeat(50)), 'acc')!;
    // Half of the rows change: sqrt(0.25 / 100) = 0.05 on both sides, times 1.96.
    expect(worse.value).toBe(-0.5);
    expect(worse.ci95[0]).toBeGreaterThan(-0.62);
    expect(worse.ci95[0]).toBeLessThan(-0.57);
    expect(worse.ci95[1]).toBeLessThan(-0.38);
    expect(worse.ci95[1]).toBeGreaterThan(-0.43);
  });

  test('the mean weighs tasks, not rows', () => {
    const outcome = (verdicts: string, variant: number) => ({
      ...scoresOf(answers(verdicts), verdicts.length, false),
      variant,
    });
    const tasks = [
      { metric: 'acc' as const, outcomes: [outcome('1111', 0), outcome('0000', 1)] },
      {
        metric: 'acc' as const,
        outcomes: [outcome('11'.repeat(40), 0), outcome('1'.repeat(80), 1)],
      },
    ];
    expect(means(tasks, 2)).toEqual([1, 0.5]);
    expect(meanDifferences(tasks, 2)).toEqual([null, { value: -0.5, ci95: [-0.5, -0.5] }]);
  });
});
