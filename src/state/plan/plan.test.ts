// Plans, their history and their form in the address bar.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planFromHash, toHash, workspaceFromHash } from '../address.ts';
import { EMPTY_PLAN, record, redo, startHistory, undo, withLocks, withUnits } from './plan.ts';

const blocks = fc
  .uniqueArray(fc.integer({ min: 0, max: 120 }))
  .map((list) => list.sort((a, b) => a - b));

describe('history', () => {
  it('undo after any edit gives the plan before it, redo the one after', () => {
    fc.assert(
      fc.property(fc.array(blocks, { minLength: 1, maxLength: 8 }), (edits) => {
        let history = startHistory();
        for (const removed of edits) history = record(history, { removed, locked: [] });
        const end = history.present;
        const steps = history.past.length;
        for (let i = 0; i < steps; i++) history = undo(history);
        expect(history.present).toEqual(EMPTY_PLAN);
        for (let i = 0; i < steps; i++) history = redo(history);
        expect(history.present).toEqual(end);
        expect(redo(history)).toBe(history);
      }),
    );
  });

  it('gives a healing to its own units alone', () => {
    const healed = { removed: [3], locked: [], healing: 'h' };
    let history = record(record(startHistory(), { removed: [3], locked: [] }), healed);
    expect(history.present).toEqual(healed);
    history = record(history, { ...history.present, locked: [5] });
    expect(history.present.healing).toBe('h');
    history = record(history, { ...history.present, removed: [3, 4] });
    expect(history.present).toEqual({ removed: [3, 4], locked: [5] });
    expect(undo(history).present.healing).toBe('h');
    expect(undo(undo(undo(history))).present).toEqual({ removed: [3], locked: [] });
  });

  it('joins the quick steps of one gesture and keeps slow ones apart', () => {
    let history = startHistory();
    for (const [k, at] of [
      [1, 0],
      [2, 100],
      [3, 200],
    ] as const) {
      history = record(
        history,
        { removed: Array.from({ length: k }, (_, i) => i), locked: [] },
        'lowest',
        at,
      );
    }
    expect(history.past).toHaveLength(1);
    history = record(history, { removed: [], locked: [] }, 'lowest', 5000);
    expect(history.past).toHaveLength(2);
  });
});

describe('locks', () => {
  it('put a removed block back and hold it', () => {
    const plan = withLocks(withUnits(EMPTY_PLAN, [1, 2], true), [2], true);
    expect(plan).toEqual({ removed: [1], locked: [2] });
    expect(withUnits(plan, [2, 3], true).removed).toEqual([1, 3]);
    expect(withLocks(plan, [2], false).locked).toEqual([]);
  });
});

describe('address', () => {
  it('reads back what it writes', () => {
    fc.assert(
      fc.property(blocks, (list) => {
        expect(planFromHash(toHash(list, 'choose')) ?? []).toEqual(list);
      }),
    );
  });

  it('writes runs of three and more as ranges, and parts', () => {
    expect(toHash([3, 7, 8, 9, '10.attn', 12, 13], 'choose')).toBe('#plan=3,7-9,10.attn,12,13');
    expect(planFromHash('#plan=3,7-9,10.attn')).toEqual([3, 7, 8, 9, '10.attn']);
  });

  it('has the workspace beside the plan', () => {
    expect(toHash([3, 7], 'speed')).toBe('#plan=3,7&tab=speed');
    expect(toHash([], 'choose')).toBe('');
    expect(toHash([], 'compare')).toBe('#tab=compare');
    expect(planFromHash('#tab=compare')).toEqual([]);
    expect(planFromHash('#plan=3,7&tab=speed')).toEqual([3, 7]);
    expect(workspaceFromHash('#plan=3,7&tab=speed')).toBe('speed');
    expect(workspaceFromHash('#tab=nowhere')).toBe('choose');
  });

  it('refuses what is no list', () => {
    for (const text of ['a', '3-', '9-7', '1;2', '99999', '3.mlp'])
      expect(planFromHash(`#plan=${text}`)).toBeNull();
  });

  it('takes parts out and puts them back', () => {
    const plan = withUnits(EMPTY_PLAN, ['3.attn', 5], true);
    expect(withUnits(plan, ['3.ffn'], true).removed).toEqual([3, 5]);
    expect(withUnits(plan, ['5.ffn'], false).removed).toEqual(['3.attn', '5.attn']);
    expect(withLocks(plan, [3], true)).toEqual({ removed: [5], locked: [3] });
    expect(withUnits(withLocks(plan, [3], true), ['3.ffn'], true).removed).toEqual([5]);
  });
});
