// What the export dialog offers a healed plan: both forms of matrices of few bits measured, and the
// adapter for PEFT of a plan that LoRA has healed.

import { describe, expect, it } from 'vitest';
import { EspalierError } from '../../errors.ts';
import { activeHealing } from '../heal/selectors.ts';
import { scored, until } from '../testing/setUp.ts';
import { formsKey, formsView } from './selectors.ts';

async function healed(methods: ('refit' | 'lora')[], dtype = 'q4') {
  const page = await scored({}, { adjust: (summary) => ({ ...summary, dtype }) });
  page.actions.setAutoMeasure(false);
  page.actions.setRemoved([7, 9]);
  page.actions.setHealMethods(methods);
  await page.actions.heal();
  page.actions.openDialog('export');
  const called = (name: string) =>
    page.studio.calls.filter((one) => one.name === name).map(({ args }) => args);
  return { ...page, called };
}

describe('both forms of a healing of few bits', () => {
  it('are measured on demand, and are those of this plan and healing alone', async () => {
    const { actions, get, called } = await healed(['refit']);
    expect(formsView(get())).toEqual({ again: null, float: null, lost: null });
    await actions.measureForms();
    expect(called('measureForms')).toEqual([[activeHealing(get())!.id]]);
    const { again, float, lost } = formsView(get());
    expect([again!.nll, float!.nll, lost]).toEqual([3.95, 3.9, expect.closeTo(0.05, 9)]);
    expect(float!.bytes).not.toBe(again!.bytes);
    expect(get().view.announcement).toContain('costs 0.0500 nats per token');
    actions.useHealing(null);
    expect([formsKey(get()), formsView(get()).lost]).toEqual([null, null]);
    actions.undo();
    expect(formsView(get()).lost).not.toBeNull();
  });

  it('are one where the graph has floats', async () => {
    const { actions, get, called } = await healed(['refit'], 'fp32');
    await actions.measureForms();
    expect([formsKey(get()), called('measureForms')]).toEqual([null, []]);
  });
});

describe('the adapter for PEFT', () => {
  it('is saved where an export would be, for the original by its name elsewhere', async () => {
    const { actions, get, studio, called } = await healed(['lora']);
    await until(() => get().export.adapter.obstacle !== null);
    const { id } = activeHealing(get())!;
    expect(get().export.adapter.obstacle).toEqual({ healing: id, why: null });
    actions.setSource('me/original');
    studio.failNext('saveAdapter', new EspalierError('disk-full', 'There is no room left.'));
    await actions.saveAdapter('tuned');
    expect(get().errors.export?.code).toBe('disk-full');
    await actions.saveAdapter('tuned');
    const target = { kind: 'zip-blob' };
    expect(called('saveAdapter').at(-1)).toEqual([
      { healing: id, name: 'tuned', target, original: 'me/original' },
    ]);
    expect(get().export.adapter).toMatchObject({ saving: false, result: { name: 'tuned' } });
    expect(get().errors.export).toBeUndefined();
  });

  it('is refused with the reason after a refit, and not spoken of without LoRA', async () => {
    const both = await healed(['refit', 'lora']);
    await until(() => both.get().export.adapter.obstacle !== null);
    expect(both.get().export.adapter.obstacle!.why).toBe('It was refitted first.');
    const { called } = await healed(['refit']);
    expect(called('adapterObstacle')).toEqual([]);
  });
});
