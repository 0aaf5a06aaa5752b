// Typed texts on the stand-in studio: what is kept, counted and taken into use.

import { describe, expect, it } from 'vitest';
import { EspalierError } from '../../errors.ts';
import { evaluateObstacle } from '../evaluate/selectors.ts';
import { setUp, until } from '../testing/setUp.ts';
import { tokensNeeded } from './selectors.ts';

async function opened() {
  const all = setUp();
  await all.actions.openSample();
  return all;
}

describe('a typed evaluation text', () => {
  it('stays through an error, another choice, a workspace and another model', async () => {
    const { actions, get, studio } = await opened();
    actions.openDraft('evaluation');
    expect(evaluateObstacle(get())).toContain('Paste a text');
    actions.setDraft('evaluation', 'Hello world.');
    actions.takeDraft('evaluation');
    expect(get().evaluate.form.text).toMatchObject({ kind: 'text', text: 'Hello world.' });
    studio.failNext('evaluate', new EspalierError('bad-input', 'The text is too short.'));
    await actions.evaluate();
    expect(get().errors.evaluate?.message).toContain('too short');
    expect(get().drafts.evaluation).toMatchObject({ open: true, text: 'Hello world.' });
    actions.openWorkspace('speed');
    actions.closeDraft('evaluation');
    actions.setEvaluation({ text: { kind: 'bundled' } });
    expect(get().drafts.evaluation).toMatchObject({
      open: false,
      text: 'Hello world.',
      used: null,
    });
    await actions.openSample();
    expect(get().drafts.evaluation.text).toBe('Hello world.');
    // Opening the field again uses it again.
    actions.openDraft('evaluation');
    expect(get().evaluate.form.text).toMatchObject({ text: 'Hello world.' });
  });

  it('is counted while it is typed, by the tokenizer of the open model', async () => {
    const { actions, get, studio } = await opened();
    actions.openDraft('evaluation');
    for (const text of ['one', 'one two', 'one two three']) actions.setDraft('evaluation', text);
    expect(get().drafts.evaluation.count).toBeNull();
    await until(() => get().drafts.evaluation.count !== null);
    expect(get().drafts.evaluation.count?.tokens).toBe(3);
    expect(studio.calls.filter(({ name }) => name === 'countTokens')).toHaveLength(1);
    expect(tokensNeeded(get(), 'evaluation')).toBe(128);
    actions.setEvaluation({ bos: 'every' });
    expect(tokensNeeded(get(), 'evaluation')).toBe(127);
    actions.setEvaluation({ protocol: 'long', segment: 64 });
    expect(tokensNeeded(get(), 'evaluation')).toBe(63);
  });

  it('gives way to a file, and is not lost by it', async () => {
    const { actions, get } = await opened();
    actions.openDraft('evaluation');
    actions.setDraft('evaluation', 'Typed.');
    actions.takeDraft('evaluation', true);
    actions.setEvaluationText('own.txt', 'From a file.');
    expect(get().evaluate.form.text).toMatchObject({ name: 'own.txt' });
    expect(get().drafts.evaluation).toMatchObject({ open: false, text: 'Typed.' });
  });
});

describe('a typed calibration text', () => {
  it('stays although it is not JSON, and is used once it is', async () => {
    const { actions, get } = await opened();
    actions.openDraft('scoring');
    actions.setDraft('scoring', '[[1, 2], [3');
    actions.takeDraft('scoring');
    expect(get().errors.score?.message).toContain('not valid JSON');
    expect(get().score.settings.text.kind).toBe('bundled');
    expect(get().drafts.scoring).toMatchObject({ open: true, text: '[[1, 2], [3', used: null });
    actions.setDraft('scoring', '[[1, 2], [3, 4]]');
    actions.takeDraft('scoring');
    expect(get().score.settings.text).toMatchObject({ kind: 'ids' });
    expect(get().drafts.scoring.used).toBe('[[1, 2], [3, 4]]');
  });
});
