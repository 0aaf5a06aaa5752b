// Side by side generation on the stand-in meter: what is asked, streamed, stopped, marked and refused.

import { describe, expect, it } from 'vitest';
import { EspalierError } from '../errors.ts';
import type { GenerateRequest } from '../worker/benchApi.ts';
import { command } from './commands.ts';
import { chatState, divergence, modeOf, whyNoGenerating } from './generateActions.ts';
import { meterUse } from './metering.ts';
import { aWhile, scored, setUp, until } from './testing/setUp.ts';

const asked = ({ meter }: ReturnType<typeof setUp>): GenerateRequest =>
  meter.calls.filter((call) => call.name === 'generate').at(-1)?.args[0] as GenerateRequest;

describe('generating', () => {
  it('streams both texts from one prompt and says where they part', async () => {
    const page = setUp();
    await page.actions.openSample();
    page.actions.setAutoMeasure(false);
    page.actions.toggle(7);
    page.actions.setGenerateForm({ prompt: 'It was', tokens: 8, sampling: { temperature: 0.7, topK: 5, topP: 0.9, seed: 3 } });
    await page.actions.generate();
    expect(asked(page)).toMatchObject({
      removed: [7],
      prompt: { kind: 'raw', text: 'It was' },
      tokens: 8,
      sampling: { temperature: 0.7, topK: 5, topP: 0.9, seed: 3 },
      stopAtEos: true,
    });
    const { shown, running } = page.get().generate;
    expect(running).toBe(false);
    expect(shown?.sides.original?.text.startsWith(' It was a fine morning')).toBe(true);
    expect(shown?.sides.pruned?.tokens).toBe(8);
    expect(divergence(page.get())).toBe(4);
    expect(page.get().view.announcement).toContain('differ from token 5');
  });

  it('keeps what came before it was stopped', async () => {
    const page = setUp({ stepMs: 4 });
    await page.actions.openSample();
    page.actions.setGenerateForm({ tokens: 500 });
    const job = page.actions.generate();
    await until(() => (page.get().generate.shown?.sides.original?.tokens ?? 0) >= 3);
    command('cancel').run(page.actions, page.get());
    await job;
    const { shown, running } = page.get().generate;
    expect([running, shown?.stopped, (shown?.sides.original?.tokens ?? 0) >= 3]).toEqual([false, true, true]);
    expect(page.get().errors.generate).toBeUndefined();
  });

  it('goes on with the original alone when nothing is removed', async () => {
    const page = setUp();
    await page.actions.openSample();
    page.actions.setGenerateForm({ tokens: 3 });
    await page.actions.generate();
    expect(Object.keys(page.get().generate.shown?.sides ?? {})).toEqual(['original']);
    expect(divergence(page.get())).toBeNull();
  });

  it('keeps the other text when one variant fails', async () => {
    const page = setUp();
    await page.actions.openSample();
    page.actions.setAutoMeasure(false);
    page.actions.toggle(7);
    page.actions.setGenerateForm({ tokens: 6 });
    page.meter.failVariant('pruned', new EspalierError('device-lost', 'The GPU was lost.'));
    await page.actions.generate();
    const { shown } = page.get().generate;
    expect(shown?.errors.pruned?.message).toBe('The GPU was lost.');
    expect(shown?.sides.original?.tokens).toBe(6);
  });

  it('ends an automatic measurement, and is refused during one that was asked for', async () => {
    const page = await scored({ stepMs: 3 });
    page.actions.toggle(7);
    await until(() => meterUse(page.get()) === 'auto');
    page.actions.setGenerateForm({ tokens: 2 });
    const job = page.actions.generate();
    await until(() => page.get().generate.running);
    expect(meterUse(page.get())).toBeNull();
    await job;
    page.actions.setAutoMeasure(false);
    const measuring = page.actions.measureSpeed('quick');
    await until(() => meterUse(page.get()) === 'measure');
    expect(whyNoGenerating(page.get())).toBe('A measurement is running.');
    expect(command('generate').enabled(page.get())).toBe(false);
    page.actions.stopMeasuring();
    await measuring;
  });

  it('gives way to scoring, and does not outlive its model', async () => {
    const page = setUp({ stepMs: 3 });
    await page.actions.openSample();
    page.actions.setGenerateForm({ tokens: 500 });
    const job = page.actions.generate();
    await until(() => page.get().generate.shown?.sides.original !== undefined);
    await Promise.all([page.actions.score(), job]);
    expect(page.get().generate).toMatchObject({ running: false, shown: { stopped: true } });
    const other = page.actions.generate();
    await until(() => page.get().generate.running);
    await page.actions.openSample();
    await other;
    await aWhile();
    expect(page.get().generate).toMatchObject({ running: false, shown: null });
  });
});

describe('prompts', () => {
  it('are chats with a system text of one’s own or the template’s', async () => {
    const page = setUp();
    await page.actions.openSample();
    page.actions.setGenerateForm({ mode: 'chat', prompt: 'Why?', tokens: 1 });
    await page.actions.generate();
    expect(asked(page).prompt).toEqual({ kind: 'chat', messages: [{ role: 'user', content: 'Why?' }] });
    page.actions.setGenerateForm({ system: 'Be brief.' });
    await page.actions.generate();
    expect(asked(page).prompt).toMatchObject({ messages: [{ role: 'system', content: 'Be brief.' }, { role: 'user' }] });
    expect(chatState(page.get())).not.toBeNull();
  });

  it('are token ids where there is no tokenizer', async () => {
    const page = setUp({}, { hasTokenizer: false });
    await page.actions.openSample();
    expect(modeOf(page.get())).toBe('ids');
    page.actions.setGenerateForm({ ids: '4, 5 6', tokens: 1 });
    await page.actions.generate();
    expect(asked(page).prompt).toEqual({ kind: 'ids', ids: [4, 5, 6] });
  });

  it.each([
    [{ mode: 'raw', prompt: '  ' }, 'The prompt is empty.'],
    [{ mode: 'ids', ids: '1, x' }, '"x" is no token id.'],
    [{ mode: 'ids', ids: '' }, 'There are no token ids.'],
  ] as const)('%o is refused: %s', async (form, message) => {
    const page = setUp();
    await page.actions.openSample();
    page.actions.setGenerateForm(form);
    await page.actions.generate();
    expect(page.get().errors.generate?.message).toBe(message);
    expect(page.get().generate.running).toBe(false);
  });

  it('that the meter refuses show its words, and the next try clears them', async () => {
    const page = setUp();
    await page.actions.openSample();
    page.meter.failNext('generate', new EspalierError('tokenizer', 'The template says: roles must alternate.'));
    await page.actions.generate();
    expect(page.get().errors.generate?.message).toContain('roles must alternate');
    page.actions.setGenerateForm({ tokens: 1 });
    await page.actions.generate();
    expect(page.get().errors.generate).toBeUndefined();
  });
});
