// The report as text: every section that has something to say, nothing that loads or runs.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { StudioState } from '../../../state/state.ts';
import { scored, setUp } from '../../../state/testing/setUp.ts';
import { formatPpl } from '../../format.ts';
import { reportHtml } from './html.ts';
import { missingFrom, sectionsOf } from './sections.ts';
import { COLORS } from './styles.ts';

const WHEN = new Date(2026, 2, 14);
const HOSTILE = '<script>alert("x")</script> & \'<img src=http://x onerror=alert(1)>';

const htmlOf = (state: StudioState, note = '') =>
  reportHtml({ title: 'Pruning', made: 'today', note }, sectionsOf(state, WHEN), new Map());

const idsOf = (state: StudioState) => sectionsOf(state, WHEN).map(({ id }) => id);

it('a model that is only open has no empty sections', async () => {
  const { actions, get, store } = setUp();
  await actions.openSample();
  expect(idsOf(get())).toEqual(['summary', 'model', 'plan', 'glossary', 'references']);
  expect(missingFrom(sectionsOf(get(), WHEN))).toContain('Speed');
  store.dispose();
});

it('a study has its sections, its numbers, its terms and what to be careful about', async () => {
  const { actions, get, store } = await scored();
  actions.toggle(7);
  await actions.compareCriteria();
  await actions.evaluate();
  await actions.measureSpeed('quick');
  await actions.generate();
  const ids = idsOf(get());
  for (const id of ['importance', 'plan', 'speed', 'criteria', 'evaluation', 'texts', 'caveats'])
    expect(ids).toContain(id);
  expect(ids).not.toContain('stability');
  const html = htmlOf(get());
  const { blocks, baseline } = get().score.curve!.result;
  for (const { nll } of [...blocks, baseline]) expect(html).toContain(formatPpl(nll));
  expect(html).toContain('arXiv'.toLowerCase());
  expect(html).toContain('2402.02834');
  store.dispose();
});

it('loads nothing and runs nothing, whatever people and files are called', async () => {
  const { actions, get, store } = await scored();
  actions.setGenerateForm({ prompt: HOSTILE });
  await actions.generate();
  const state = get();
  const current = state.model.current!;
  const named = {
    ...state,
    model: {
      ...state.model,
      current: { ...current, summary: { ...current.summary, name: HOSTILE, family: HOSTILE } },
    },
  };
  const html = htmlOf(named, HOSTILE);
  expect(html).toContain('&lt;script&gt;');
  expect(html).not.toMatch(/<script|<img|<iframe|<object|<embed|<link|@import|url\(/i);
  for (const [tag] of html.matchAll(/<[a-z][^>]*>/g)) expect(tag).not.toMatch(/\s(src|on\w+)=/i);
  expect(html.match(/<meta[^>]*default-src 'none'/)?.length).toBe(1);
  // Addresses are behind links that someone clicks, and nowhere else.
  for (const [attribute] of html.matchAll(/[\w-]+="https?:[^"]*"/g))
    expect(attribute).toMatch(/^href="https:\/\/arxiv\.org\//);
  store.dispose();
});

it('is well-formed: elements are closed in order', async () => {
  const { actions, get, store } = await scored();
  await actions.compareCriteria();
  const stack: string[] = [];
  const html = htmlOf(get(), HOSTILE).replace(/<!doctype html>|<style>[^<]*<\/style>/g, '');
  for (const [, close, name, self] of html.matchAll(/<(\/?)([a-z]\w*)[^>]*?(\/?)>/g)) {
    if (name === 'meta') continue;
    if (close) expect(stack.pop()).toBe(name);
    else if (!self) stack.push(name!);
  }
  expect(stack).toEqual([]);
  store.dispose();
});

it('has the colours of the page', () => {
  const css = readFileSync(join(import.meta.dirname, '../../tokens.css'), 'utf8');
  for (const [name, [light, dark]] of Object.entries(COLORS))
    expect(css).toContain(`--${name}: light-dark(${light}, ${dark});`);
});
