// Side by side generation on the stand-in meter: what is asked, streamed, stopped, marked and
// refused.

import { describe, expect, it } from 'vitest';
import type { GenerateRequest } from '../../contract/generate.ts';
import { EspalierError } from '../../errors.ts';
import { command } from '../commands.ts';
import { meterUse } from '../speed/metering.ts';
import { aWhile, scored, setUp, until } from '../testing/setUp.ts';
import { RAW_EXAMPLES } from './examples.ts';
import { markedRange } from './mark.ts';
import { chatState, modeOf } from './prompt.ts';
import { divergence, generateObstacle, waitsForPerplexity } from './selectors.ts';

const asked = ({ meter }: ReturnType<typeof setUp>): GenerateRequest =>
  meter.calls.filter((call) => call.name === 'generate').at(-1)?.args[0] as GenerateRequest;

describe('generating', () => {
  it('streams both texts from one prompt and says where they part', async () => {
    const page = setUp();
    await page.actions.openSample();
    page.actions.setAutoMeasure(false);
    page.actions.toggle(7);
    page.actions.setGenerateForm({
      prompt: 'It was',
      tokens: 8,
      sampling: { temperature: 0.7, topK: 5, topP: 0.9, seed: 3 },
    });
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
    expect(page.get().view.announcement).toContain('First difference at token 5');
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
    expect([running, shown?.stopped, (shown?.sides.original?.tokens ?? 0) >= 3]).toEqual([
      false,
      true,
      true,
    ]);
    expect(page.get().errors.generate).toBeUndefined();
  });

  it('shows no empty sides when it is stopped before the first token', async () => {
    const page = setUp({ stepMs: 4 });
    await page.actions.openSample();
    const job = page.actions.generate();
    command('cancel').run(page.actions, page.get());
    await job;
    expect(page.get().generate).toMatchObject({ running: false, shown: null });
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

  it('is not started again while it runs', async () => {
    const page = setUp({ stepMs: 3 });
    await page.actions.openSample();
    page.actions.setGenerateForm({ tokens: 20 });
    const job = page.actions.generate();
    await until(() => (page.get().generate.shown?.sides.original?.tokens ?? 0) >= 2);
    expect(command('generate').enabled(page.get())).toBe(false);
    await page.actions.generate();
    await job;
    expect(page.meter.calls.map(({ name }) => name)).toEqual(['generate']);
    expect(page.get().generate.shown?.sides.original?.tokens).toBe(20);
  });

  it('waits for the perplexity of the plan', async () => {
    const page = await scored({}, { stepMs: 4 });
    page.actions.setAutoMeasure(false);
    page.actions.setGenerateForm({ tokens: 2 });
    page.actions.toggle(7);
    const job = page.actions.generate();
    expect(waitsForPerplexity(page.get())).toBe(true);
    expect(page.meter.calls).toEqual([]);
    await job;
    expect(page.get().effect.known.size).toBe(1);
    expect(asked(page).removed).toEqual([7]);
    page.actions.toggle(9);
    const other = page.actions.generate();
    page.actions.stopGenerating();
    await other;
    expect(page.meter.calls.filter(({ name }) => name === 'generate')).toHaveLength(1);
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
    expect(generateObstacle(page.get())).toBe('A measurement is running.');
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
  it('that nobody typed follow the kind of prompt; typed ones stay', async () => {
    const { actions, get } = await scored();
    const prompt = () => get().generate.form.prompt;
    expect(prompt()).toBe(RAW_EXAMPLES[0]);
    actions.setGenerateForm({ mode: 'chat' });
    expect(prompt()).toBe('Explain in one sentence why the sky is blue.');
    actions.setGenerateForm({ mode: 'raw' });
    expect(prompt()).toBe(RAW_EXAMPLES[0]);
    actions.setGenerateForm({ prompt: 'Typed' });
    actions.setGenerateForm({ mode: 'chat' });
    expect(prompt()).toBe('Typed');
  });

  it('are chats with a system text of one’s own or the template’s', async () => {
    const page = setUp();
    await page.actions.openSample();
    page.actions.setGenerateForm({ mode: 'chat', prompt: 'Why?', tokens: 1 });
    await page.actions.generate();
    expect(asked(page).prompt).toEqual({
      kind: 'chat',
      messages: [{ role: 'user', content: 'Why?' }],
    });
    page.actions.setGenerateForm({ system: 'Be brief.' });
    await page.actions.generate();
    expect(asked(page).prompt).toMatchObject({
      messages: [{ role: 'system', content: 'Be brief.' }, { role: 'user' }],
    });
  });

  it.each(['none', { error: 'The chat template of the model cannot be read.' }] as const)(
    'are texts where chat is %o',
    async (chat) => {
      const page = setUp({}, { chat });
      await page.actions.openSample();
      expect(chatState(page.get())).toEqual(chat);
      page.actions.setGenerateForm({ mode: 'chat', prompt: 'Why?', tokens: 1 });
      expect(modeOf(page.get())).toBe('raw');
      await page.actions.generate();
      expect(asked(page).prompt).toEqual({ kind: 'raw', text: 'Why?' });
    },
  );

  it('go on from the answer of one side, turn by turn', async () => {
    const page = setUp();
    await page.actions.openSample();
    page.actions.setAutoMeasure(false);
    page.actions.toggle(7);
    page.actions.setGenerateForm({ mode: 'chat', system: 'Be brief.', prompt: 'Why?', tokens: 6 });
    await page.actions.generate();
    const answers = page.get().generate.shown!.sides;
    page.actions.continueChat('original');
    page.actions.continueChat('pruned');
    expect(page.get().generate.form).toMatchObject({
      prompt: '',
      turns: [{ user: 'Why?', assistant: answers.pruned?.text }],
    });
    page.actions.setGenerateForm({ prompt: 'And then?' });
    await page.actions.generate();
    expect(asked(page).prompt).toEqual({
      kind: 'chat',
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Why?' },
        { role: 'assistant', content: answers.pruned?.text },
        { role: 'user', content: 'And then?' },
      ],
    });
    page.actions.setGenerateForm({ prompt: 'Typed already' });
    page.actions.continueChat('original');
    expect(page.get().generate.form).toMatchObject({
      prompt: 'Typed already',
      turns: [{ which: 'pruned' }, { which: 'original' }],
    });
    page.actions.removeTurn(0);
    expect(page.get().generate.form.turns.map(({ user }) => user)).toEqual(['And then?']);
    page.actions.newChat();
    expect(page.get().generate.form.turns).toEqual([]);
    page.actions.continueChat('original');
    await page.actions.openSample();
    expect(page.get().generate.form.turns).toEqual([]);
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

  it('are said to be wrong once, and leave no empty texts', async () => {
    const page = setUp();
    await page.actions.openSample();
    page.meter.failNext(
      'generate',
      new EspalierError('tokenizer', 'The template says: roles must alternate.'),
    );
    await page.actions.generate();
    expect(page.get().generate.shown).toBeNull();
  });

  it('that the meter refuses show its words, and the next try clears them', async () => {
    const page = setUp();
    await page.actions.openSample();
    page.meter.failNext(
      'generate',
      new EspalierError('tokenizer', 'The template says: roles must alternate.'),
    );
    await page.actions.generate();
    expect(page.get().errors.generate?.message).toContain('roles must alternate');
    page.actions.setGenerateForm({ tokens: 1 });
    await page.actions.generate();
    expect(page.get().errors.generate).toBeUndefined();
  });
});

describe('the marked token', () => {
  const mark = (text: string, ends: number[], at: number) => {
    const part = markedRange(text, ends, at);
    return part && text.slice(...part);
  };

  it.each([
    ['a word', 'It was fine', [2, 6, 11], 1, ' was'],
    ['the first', 'It was fine', [2, 6, 11], 0, 'It'],
    ['one whose bytes are completed by later ones', 'so 😀!', [2, 3, 3, 3, 5, 6], 3, '😀'],
    ['the last, without an end of its own', 'so !', [2, 3, 3], 2, '!'],
    ['an accent of its own token', 'e\u0301a', [1, 2, 3], 1, 'e\u0301'],
    ['a joined picture', 'a👩\u200d🌾b', [1, 3, 4, 6, 7], 2, '👩\u200d🌾'],
    ['half a pair', '😀', [1, 2], 1, '😀'],
  ])('is %s', (_, text, ends, at, expected) => {
    expect(mark(text, ends, at)).toBe(expected);
  });

  it('is none where the text does not reach it', () => {
    expect(mark('It', [2], 1)).toBeNull();
    expect(mark('It', [2], 5)).toBeNull();
    expect(mark('', [0], 0)).toBeNull();
  });
});
