// One block always stays, whichever way a plan is made; and what is said after steps that show
// nowhere else.

import { describe, expect, it } from 'vitest';
import { scored, setUp } from '../testing/setUp.ts';

const REFUSED = 'At least one block must stay: a plan cannot remove all 16.';
const all = Array.from({ length: 16 }, (_, block) => block);

describe('the last block', () => {
  it('stays, by toggle, range, list and address', async () => {
    const { actions, get } = await scored();
    const refusedBy = (act: () => void, left: number) => {
      const { present } = get().plan;
      act();
      expect(get().view.toast?.text).toBe(REFUSED);
      expect(get().view.announcement).toBe(REFUSED);
      expect(get().plan.present).toBe(present);
      expect(16 - present.removed.length).toBe(left);
      actions.keepAll();
    };
    refusedBy(() => actions.setRange(0, 15, true), 16);
    refusedBy(() => actions.setRemoved(all), 16);
    actions.dropLowest(15);
    const last = all.find((block) => !get().plan.present.removed.includes(block))!;
    refusedBy(() => actions.toggle(last), 1);
    actions.dropLowest(15);
    actions.toggle(`${last}.attn`);
    expect(get().plan.present.removed).toHaveLength(16);
    refusedBy(() => actions.toggle(`${last}.ffn`), 0);
  });

  it('stays when the address names all blocks as a model is opened', async () => {
    const { actions, get } = setUp({}, {}, undefined, '#plan=0-15');
    await actions.openSample();
    expect(get().plan.present.removed).toEqual([]);
  });
});

describe('steps that show nowhere else', () => {
  it('are said with what is left', async () => {
    const { actions, get } = await scored();
    actions.dropLowest(4);
    actions.undo();
    expect(get().view.announcement).toBe('Undone: 16 of 16 kept.');
    actions.redo();
    expect(get().view.announcement).toBe('Redone: 12 of 16 kept.');
    actions.setLock(0, true);
    expect(get().view.announcement).toBe('Block 0 locked: 12 of 16 kept.');
    actions.lockEnds(true);
    expect(get().view.announcement).toMatch(/^First 4 and last 2 blocks locked: 1\d of 16 kept\.$/);
  });

  it('can be taken back from the message', async () => {
    const { actions, get } = await scored();
    actions.dropLowest(4);
    actions.keepAll();
    expect(get().view.toast).toMatchObject({
      text: 'All 16 blocks are kept.',
      action: { command: 'undo', label: 'Undo' },
    });
  });
});
