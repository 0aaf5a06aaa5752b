// Interrupted jobs in the store: offered when their model opens, resumed with their own settings,
// discarded; and what title and notification say.

import { expect, test } from 'vitest';
import type { Interrupted } from '../../contract/interrupted.ts';
import type { ScoreSettings } from '../../contract/score.ts';
import { EspalierError } from '../../errors.ts';
import { endOf, offeredJobs, pageTitle } from '../longJob.ts';
import { remedyOf } from '../remedies.ts';
import { plannedRuns } from '../stability/selectors.ts';
import { firstState } from '../state.ts';
import { scored, setUp, until } from '../testing/setUp.ts';

const SETTINGS: ScoreSettings = { ...firstState().score.settings, samples: 7, length: 64 };

type OverWindows = Extract<Interrupted, { settings: unknown }>;

const interrupted = (fields: Partial<OverWindows> = {}): OverWindows => ({
  key: 'k',
  job: 'score',
  settings: SETTINGS,
  search: null,
  device: { kind: 'wasm', name: 'CPU (wasm)' },
  done: 76,
  total: 120,
  savedAt: 1,
  ...fields,
});

const REQUEST = { start: [], locked: [0], count: 2, maxPpl: null };

test('the job is offered when its model opens, and resumed with the settings it had', async () => {
  const job = interrupted();
  const { actions, get, studio } = setUp({}, { interrupted: [job] });
  expect(offeredJobs(get())).toEqual([]);
  actions.setSettings({ budgetBytes: 1e6 });
  await actions.openSample();
  await until(() => offeredJobs(get()).length > 0);
  expect(offeredJobs(get())).toEqual([job]);
  const resuming = actions.resume(job);
  expect(offeredJobs(get())).toEqual([]);
  await resuming;
  expect(studio.calls.find(({ name }) => name === 'score')?.args[0]).toEqual({
    ...SETTINGS,
    budgetBytes: undefined,
  });
  expect(get().score.curve?.result.settings.samples).toBe(7);
  // Asked again when the job is over.
  await until(() => studio.calls.filter(({ name }) => name === 'interrupted').length === 2);
});

test('parts and searches are resumed as they were asked for', async () => {
  const jobs = [
    interrupted({ key: 'p', job: 'parts' }),
    interrupted({ key: 's', job: 'search', search: REQUEST }),
  ];
  const { actions, get, studio } = setUp({}, { interrupted: jobs });
  await actions.openSample();
  await until(() => offeredJobs(get()).length === 2);
  for (const job of jobs) await actions.resume(job);
  const asked = { ...SETTINGS, budgetBytes: undefined };
  expect(studio.calls.find(({ name }) => name === 'scoreSublayers')?.args[0]).toEqual(asked);
  expect(studio.calls.find(({ name }) => name === 'search')?.args[0]).toEqual({
    ...REQUEST,
    settings: asked,
  });
});

test('a discarded job is gone at once and forgotten', async () => {
  const { actions, get, studio } = setUp({}, { interrupted: [interrupted()] });
  await actions.openSample();
  await until(() => offeredJobs(get()).length > 0);
  await actions.discard(interrupted());
  expect(offeredJobs(get())).toEqual([]);
  expect(studio.calls.find(({ name }) => name === 'forget')?.args).toEqual(['k']);
});

test('a lost device: one click resumes, and is not offered twice', async () => {
  const job = interrupted({ settings: firstState().score.settings });
  const other = interrupted({ key: 'p', job: 'parts' });
  const { actions, get, studio } = setUp({}, { interrupted: [job, other] });
  await actions.openSample();
  studio.failNext('score', new EspalierError('device-lost', 'The GPU was lost.'));
  await actions.score();
  await until(() => get().interrupted.jobs.length > 0);
  const remedy = remedyOf(get(), 'score');
  expect(remedy?.label).toBe('Resume at 63 %');
  expect(remedyOf(get(), 'score')).toBe(remedy);
  expect(offeredJobs(get())).toEqual([other]);
  remedy?.run(actions, get());
  await until(() => get().score.curve !== null);
  expect(get().errors.score).toBeUndefined();
});

test('after settings that the interrupted job did not have, scoring begins anew', async () => {
  const { actions, get, studio } = setUp({}, { interrupted: [interrupted()] });
  await actions.openSample();
  studio.failNext('score', new EspalierError('device-lost', 'The GPU was lost.'));
  await actions.score();
  await until(() => get().interrupted.jobs.length > 0);
  expect(remedyOf(get(), 'score')?.label).toBe('Score again');
  expect(offeredJobs(get())).toHaveLength(1);
});

test('a failed search goes on with its own request', async () => {
  const { actions, get, studio } = await scored();
  studio.failNext('search', new EspalierError('device-lost', 'The GPU was lost.'));
  await actions.search({ ...REQUEST, settings: SETTINGS });
  const state = get();
  const withJob = (search: OverWindows['search']) => ({
    ...state,
    interrupted: { jobs: [interrupted({ job: 'search', search })] },
  });
  expect(remedyOf(withJob(REQUEST), 'search')?.label).toBe('Resume at 63 %');
  expect(remedyOf(withJob({ ...REQUEST, count: 3 }), 'search')?.label).toBe('Search again');
});

test('an engine that does not answer offers nothing and complains of nothing', async () => {
  const { actions, get, studio } = setUp();
  studio.failNext('interrupted', new EspalierError('bug', 'No.'));
  await actions.openSample();
  await until(() => studio.calls.some(({ name }) => name === 'interrupted'));
  expect(get().interrupted.jobs).toEqual([]);
  expect(get().errors).toEqual({});
});

test('the title says how far the job is, and is back afterwards', async () => {
  const { actions, get, store } = setUp({}, { stepMs: 20 });
  const titles = new Set<string>();
  store.state.subscribe((state) => titles.add(pageTitle(state)));
  await actions.openSample();
  await actions.score();
  expect([...titles].some((title) => /^\d{1,2} % · Scoring · Espalier$/.test(title))).toBe(true);
  expect(pageTitle(get())).toBe('Espalier');
  await actions.exportModel('pruned');
  expect([...titles].some((title) => /^\d{1,2} % · Exporting · Espalier$/.test(title))).toBe(true);
  expect(pageTitle(get())).toBe('Espalier');
});

test('the end of a job in words: what it found, or why it stopped', async () => {
  const { actions, get, studio } = await scored();
  expect(endOf(get(), 'score')).toEqual({
    title: 'Scoring has ended · sample',
    body: expect.stringContaining('Scored 16 blocks'),
  });
  studio.failNext('score', new EspalierError('device-lost', 'The GPU was lost.'));
  await actions.score();
  expect(endOf(get(), 'score').body).toBe('The GPU was lost.');
});

test('the switch for notifications outlives opening a model', async () => {
  const { actions, get } = setUp();
  actions.setNotify(true);
  await actions.openSample();
  expect(get().view.notify).toBe(true);
});

test('Taylor goes on for the curve, for the study, or on windows scored first', async () => {
  const { actions, get, studio } = await scored();
  const asked = (from: number) => studio.calls.slice(from).map(({ name, args }) => [name, args[0]]);
  const own = get().score.settings;
  let from = studio.calls.length;
  await actions.resume(interrupted({ job: 'taylor', settings: own }));
  expect(asked(from)).toContainEqual(['measureSource', 'taylor']);
  expect(asked(from).some(([name]) => name === 'score')).toBe(false);
  expect(get().criteria.measured.taylor).toBeDefined();

  from = studio.calls.length;
  const [, second] = plannedRuns(get());
  await actions.resume(interrupted({ job: 'taylor', settings: second!.settings }));
  expect(get().stability.taylorRuns.map(({ key }) => key)).toContain(second!.key);
  expect(asked(from).some(([name]) => name === 'score')).toBe(false);

  from = studio.calls.length;
  await actions.resume(interrupted({ job: 'taylor', settings: { ...own, length: 64 } }));
  const names = asked(from).filter(([name]) => name === 'score' || name === 'measureSource');
  expect(names.map(([name]) => name)).toEqual(['score', 'measureSource']);
  expect(get().score.curve!.settingsKey).toContain('"length":64');
});
