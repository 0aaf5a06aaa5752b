// Keys and finished work, and what a long job says on its way.

import { describe, expect, it } from 'vitest';
import { command } from './commands.ts';
import { runByKey } from './runByKey.ts';
import { scored, setUp, until } from './testing/setUp.ts';

describe('a key', () => {
  it('starts new work at once, and asks before it does finished work again', async () => {
    const { actions, get, studio } = setUp();
    await actions.openSample();
    const scores = () => studio.calls.filter(({ name }) => name === 'score').length;
    runByKey(command('score'), actions, get());
    await until(() => get().score.curve !== null && get().score.running === null);
    expect(scores()).toBe(1);
    runByKey(command('score'), actions, get());
    expect(scores()).toBe(1);
    expect(get().view.toast).toMatchObject({
      text: 'The blocks are scored. The current curve is kept until a new one is ready.',
      action: { command: 'score', label: 'Score again' },
    });
    actions.setSettings({ samples: 4 });
    runByKey(command('score'), actions, get());
    await until(() => scores() === 2);
  });

  it('does everything else as a button does', async () => {
    const { actions, get } = await scored();
    actions.dropLowest(2);
    runByKey(command('undo'), actions, get());
    expect(get().plan.present.removed).toEqual([]);
  });
});

describe('a long job', () => {
  it('says each quarter', async () => {
    const { actions, get, store } = setUp({}, { stepMs: 12 });
    await actions.openSample();
    const said = new Set<string>();
    store.state.subscribe(({ view }) => said.add(view.announcement));
    await actions.score();
    const quarters = [...said].filter((text) => text.startsWith('Scoring: '));
    expect(quarters.length).toBeGreaterThan(0);
    for (const text of quarters) expect(text).toMatch(/^Scoring: (25|50|75) % done\.$/);
    expect(get().view.announcement).toMatch(/^Scored 16 blocks/);
  });
});

describe('an error', () => {
  it('is counted each time, so that it is shown again, and leads to its place', async () => {
    const { actions, get } = await scored();
    actions.openDialog('help');
    actions.openWorkspace('speed');
    actions.setText('empty.txt', ' ');
    const first = get().view.fault!;
    expect(first.place).toBe('score');
    actions.setText('empty.txt', ' ');
    expect(get().view.fault!.id).toBeGreaterThan(first.id);
    actions.showError('score');
    expect(get().view).toMatchObject({ dialog: null, workspace: 'choose' });
    actions.showError('export');
    expect(get().view.dialog).toBe('export');
  });
});
