// A model that gives no numbers before anything is left out: nothing on the page ranks by it.

import { beforeAll, describe, expect, it } from 'vitest';
import { NO_NUMBERS } from '../../words/choose.ts';
import { currentOrder, knownOrders } from '../criteria/orders.ts';
import { criteriaView } from '../criteria/selectors.ts';
import { studyRecord } from '../export/study.ts';
import { goalObstacle } from '../goal/selectors.ts';
import { curveSnippets } from '../interop/selectors.ts';
import { comparedCount, measuredPlans } from '../search/measured.ts';
import { searchObstacle } from '../search/selectors.ts';
import { canScoreSublayers } from '../sublayers/selectors.ts';
import { MAKERS } from '../takeaway/makers.ts';
import { scored, setUp, until } from '../testing/setUp.ts';
import { plottable, predictedRows, variantRows } from '../variants/variants.ts';
import { verdictView } from '../verdict/selectors.ts';
import { curveData, groupsOf, noNumbers, noNumbersNotice } from './selectors.ts';

describe('a curve of a model that gives NaN', () => {
  let all: Awaited<ReturnType<typeof scored>>;
  beforeAll(async () => {
    all = await scored({}, { noNumbersBut: 2 });
  });
  const state = () => all.get();

  it('has no order, no groups and no block that matters least', () => {
    expect(state().score.curve?.result.order).toEqual([]);
    expect(groupsOf(state())).toEqual([]);
    expect(state().view.announcement).toContain('none of them can be ranked');
    expect(state().view.announcement).not.toContain('costs least');
    const { scores } = curveData(state());
    expect(scores.filter(({ nll }) => nll !== null).map(({ index }) => index)).toEqual([2]);
    expect(scores.filter(({ noNumber }) => noNumber)).toHaveLength(15);
    expect(scores.every(({ low }) => Number.isNaN(low))).toBe(true);
  });

  it('says so, with the block without which numbers come back', () => {
    expect(noNumbers(state())).toBe(NO_NUMBERS.obstacle);
    expect(noNumbersNotice(state())).toEqual([
      NO_NUMBERS.unnamed,
      'Numbers come back without block 2.',
    ]);
  });

  it('lets no goal, search, sublayers or order begin', () => {
    expect(goalObstacle(state())).toBe(NO_NUMBERS.obstacle);
    expect(searchObstacle(state())).toBe(NO_NUMBERS.obstacle);
    expect(canScoreSublayers(state())).toBe(false);
    expect(currentOrder(state())).toBeNull();
    all.actions.dropLowest(3);
    expect(state().plan.present.removed).toEqual([]);
    const [order, table] = curveSnippets(state());
    expect([order?.text, order?.why]).toEqual([null, NO_NUMBERS.obstacle]);
    expect(table?.text).toBeNull();
  });

  it('gives no verdict of any plan, not even of one with numbers', () => {
    all.actions.setRemoved([2]);
    expect(measuredPlans(state()).get('2')?.nll).toBeGreaterThan(0);
    expect(verdictView(state())).toBeNull();
    expect(comparedCount(state())).toBeNull();
    const rows = variantRows(state());
    expect([...plottable(rows), ...predictedRows(rows)].some(({ key }) => key === '')).toBe(false);
    // A search from that plan may find something.
    all.actions.setSearch({ fromPlan: true });
    expect(searchObstacle(state())).toBeNull();
    all.actions.setSearch({ fromPlan: false });
  });

  it('leaves magnitudes as an order, and perplexity out of the comparison', async () => {
    await all.actions.compareCriteria();
    expect(knownOrders(state()).map(({ name }) => name)).not.toContain('ppl');
    expect(currentOrder(state())?.name).toBe('mag-l1');
    const view = criteriaView(state());
    expect(view.every(({ spearman }) => spearman === null)).toBe(true);
    expect(view.find(({ name }) => name === 'ppl')?.ranks.every(Number.isNaN)).toBe(true);
    const recorded = studyRecord(state())?.criteria ?? [];
    expect(recorded.find(({ name }) => name === 'ppl')?.order).toEqual([]);
    expect(recorded.find(({ name }) => name === 'mag-l1')?.order).toHaveLength(16);
  });

  it('is taken away without ranks and without bare NaN', () => {
    const { table, measured } = MAKERS.importance;
    const { columns, rows } = table(state());
    const rank = columns.findIndex(({ name }) => name === 'rank');
    expect(rows.every((row) => row[rank] === null)).toBe(true);
    expect(
      rows.flat().filter((cell) => typeof cell === 'number' && !Number.isFinite(cell)),
    ).toEqual([]);
    const known = MAKERS.variants.table(state());
    const nll = known.columns.findIndex(({ name }) => name === 'nll_nats');
    expect(known.rows.map((row) => row[nll])).toEqual([null, expect.any(Number)]);
    expect(measured(state()).settings).toMatchObject({ original: { nll_nats: null, ppl: null } });
  });
});

describe('a goal that scores first', () => {
  it('ends with the reason, and the plan is unchanged', async () => {
    const { actions, get } = setUp({}, { noNumbersBut: 2 });
    await actions.openSample();
    actions.setGoal({ kind: 'smaller', value: 10 });
    await actions.findPlan();
    await until(() => !get().goal.running);
    expect(get().goal.outcome?.end).toBe('failed');
    expect(get().errors.goal?.message).toBe(NO_NUMBERS.obstacle);
    expect(get().plan.present.removed).toEqual([]);
  });
});

describe('a calibration study', () => {
  it('keeps no run without numbers', async () => {
    const { actions, get } = await scored({}, { noNumbersBut: 2 });
    await actions.studyStability();
    expect(get().errors.stability?.message).toContain('gives no numbers on 10 windows, seed 0');
    expect(get().stability.runs).toEqual([]);
  });
});
