// The verdict of a plan: which word by which number, what is asked to be done next, thresholds that
// can be changed and are remembered, and better blocks that are known.

import { describe, expect, it } from 'vitest';
import { DEFAULT_THRESHOLDS, why } from '../../words/verdict.ts';
import { makeContext } from '../context.ts';
import { scored, until } from '../testing/setUp.ts';
import { makeVerdictActions } from './actions.ts';
import { judge, verdictView } from './selectors.ts';

describe('verdict', () => {
  it.each([
    [0.05, null, 'usable', 'rise'],
    [0.1, 0.1, 'usable', 'rise'],
    [0.19, null, 'healing', 'rise'],
    [0.05, 0.3, 'healing', 'kl'],
    [1.41, 0.3, 'broken', 'rise'],
    [0.5, 2.2, 'broken', 'kl'],
    [-0.02, null, 'usable', 'rise'],
    [Number.POSITIVE_INFINITY, null, 'broken', 'rise'],
  ] as const)('of +%f and %f nats is %s, by %s', (rise, kl, word, by) => {
    expect(judge({ rise, kl }, DEFAULT_THRESHOLDS)).toEqual({ word, by });
  });

  it('says why in one sentence, with its thresholds', () => {
    const evidence = { rise: 0.19, kl: null, on: '10 windows', by: 'rise' as const };
    expect(why(evidence, DEFAULT_THRESHOLDS)).toBe(
      'Perplexity +19 % on 10 windows. Our thresholds: usable up to +10 %, broken above +100 %.',
    );
    expect(why({ ...evidence, kl: 1.234, by: 'kl' }, DEFAULT_THRESHOLDS)).toBe(
      'Perplexity +19 %, KL divergence 1.2 nats on 10 windows. Our thresholds: usable up to ' +
        '0.1 nats, broken above 1 nats.',
    );
  });

  it('is of the current plan only, and asks for another text first', async () => {
    const { actions, get } = await scored();
    expect(verdictView(get())).toBeNull();
    actions.toggle(7);
    // A single block is known from the curve.
    expect(verdictView(get())).toMatchObject({
      word: 'usable',
      evidence: { on: '10 windows', kl: null },
      isThin: false,
      next: [{ kind: 'evaluate' }],
    });
    actions.toggle(0);
    expect(verdictView(get())).toBeNull();
    await until(() => verdictView(get()) !== null);
    expect(verdictView(get())).toMatchObject({
      word: 'broken',
      next: [{ kind: 'heal' }, { kind: 'fewer', removed: [7] }],
    });
    actions.toggle(7);
    actions.toggle(9);
    actions.setLock(7, true);
    await until(() => verdictView(get())?.word === 'broken');
    expect(verdictView(get())?.next.at(-1)).not.toMatchObject({ removed: [7] });
  });

  it('goes by an evaluation and its KL divergence where there is one', async () => {
    const { actions, get } = await scored();
    actions.toggle(7);
    await actions.evaluate();
    // The stand-in finds 0.11 nats.
    expect(verdictView(get())).toMatchObject({
      word: 'healing',
      evidence: { on: 'evaluation.txt', kl: 0.11, by: 'kl' },
    });
    actions.setThresholds({ usableKl: 0.2 });
    expect(verdictView(get())).toMatchObject({ word: 'usable', next: [{ kind: 'export' }] });
  });

  it('says that few windows say little', async () => {
    const { actions, get } = await scored();
    const { curve } = get().score;
    const { baseline } = curve!.result;
    const short = { ...baseline, nllPerWindow: baseline.nllPerWindow.slice(0, 2) };
    actions.takeCurve({ ...curve!.result, baseline: short }, curve!.settingsKey, false);
    actions.toggle(7);
    expect(verdictView(get())).toMatchObject({ isThin: true, evidence: { on: '2 windows' } });
  });

  it('points out better blocks of the same number, when they are known', async () => {
    const { actions, get } = await scored();
    actions.toggle(9);
    expect(verdictView(get())?.better).toMatchObject({ removed: [7] });
    expect(verdictView(get())?.better?.by).toContain('one-shot perplexity');
    actions.setLock(7, true);
    expect(verdictView(get())?.better?.removed).not.toEqual([7]);
  });

  it('keeps broken above usable, and remembers the numbers', async () => {
    const { get, store } = await scored();
    const kept: (readonly number[])[] = [];
    const make = (numbers: readonly number[] | null) => {
      const context = makeContext(
        store.state,
        {
          choices: {
            recall: async () => null,
            remember: async () => {},
            recallNumbers: async () => numbers,
            rememberNumbers: async (_: string, all: readonly number[]) => void kept.push(all),
          },
        } as never,
        { read: () => '', write: () => {} },
      );
      return makeVerdictActions(context);
    };
    const actions = make(null);
    actions.setThresholds({ usableRise: 2 });
    expect(get().verdict.thresholds).toEqual({
      ...DEFAULT_THRESHOLDS,
      usableRise: 2,
      brokenRise: 2,
    });
    actions.setThresholds({ brokenRise: 0.5 });
    expect(get().verdict.thresholds).toMatchObject({ usableRise: 0.5, brokenRise: 0.5 });
    actions.resetThresholds();
    expect(kept).toHaveLength(3);
    make(kept[1]!);
    await until(() => get().verdict.thresholds.usableRise === 0.5);
    make([1, 2]);
    make([1, 2, 3, Number.NaN]);
    await Promise.resolve();
    expect(get().verdict.thresholds.usableRise).toBe(0.5);
  });
});
