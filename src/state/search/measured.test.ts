// Measured plans of equal size on the stand-in studio: which is best, who proposes it, what a click
// takes.

import { describe, expect, it } from 'vitest';
import { currentOrder } from '../criteria/orders.ts';
import { effectView } from '../effect/selectors.ts';
import { scored, until } from '../testing/setUp.ts';
import { bestAt, comparedCount, measuredAt } from './measured.ts';

const names = (candidate: { by: readonly { name: string }[] } | null) =>
  candidate?.by.map(({ name }) => name);

describe('the best plan of k blocks', () => {
  it('counts the curve, live plans, paths and steps of the search', async () => {
    const { actions, get } = await scored();
    expect(bestAt(get(), 0)).toBeNull();
    expect(bestAt(get(), 1)).toMatchObject({ removed: [7] });
    expect(names(bestAt(get(), 1))).toContain('ppl');
    expect(bestAt(get(), 3)).toBeNull();
    expect(comparedCount(get())).toBeNull();

    // A plan of someone's own.
    actions.setRemoved([0, 1, 2]);
    await until(() => bestAt(get(), 3) !== null);
    expect(names(bestAt(get(), 3))).toEqual([]);
    actions.setSearch({ count: 3 });
    await actions.search();
    expect(comparedCount(get())).toBe(3);
    expect(names(bestAt(get(), 3))).toContain('iterative');
    expect(measuredAt(get(), 3).map(({ nll }) => nll)).toEqual(
      [...measuredAt(get(), 3)].map(({ nll }) => nll).sort((a, b) => a - b),
    );
    await actions.measurePaths();
    for (const order of ['ppl', 'block-influence'])
      expect(measuredAt(get(), 3).some(({ by }) => by.some(({ name }) => name === order))).toBe(
        true,
      );
  });

  it('removes no locked block', async () => {
    const { actions, get } = await scored();
    actions.setLock(7, true);
    expect(bestAt(get(), 1)?.removed).toEqual([9]);
  });

  it('forgets what was measured on other windows', async () => {
    const { actions, get } = await scored();
    actions.setSearch({ count: 3 });
    await actions.search();
    actions.takeCurve({ ...get().score.curve!.result, windows: [[1, 2, 3]] }, 'other', false);
    expect(bestAt(get(), 3)).toBeNull();
  });

  it('is taken in one step with the order that proposes it, its number known at once', async () => {
    const { actions, get, studio } = await scored();
    actions.setSearch({ count: 4 });
    await actions.search();
    await actions.measurePaths();
    const other = measuredAt(get(), 4).find(
      ({ by }) => by.length === 1 && by[0]!.name === 'block-influence',
    )!;
    const before = studio.calls.length;
    actions.takeCandidate(other);
    expect(currentOrder(get())?.name).toBe('block-influence');
    expect(get().plan.present.removed).toEqual(other.removed);
    expect(effectView(get())).toMatchObject({ stale: false, pruned: { nll: other.nll } });
    expect(studio.calls).toHaveLength(before);
    actions.undo();
    expect(get().plan.present.removed).toEqual([]);
  });
});
