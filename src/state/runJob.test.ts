// Stale results of engine jobs: what still comes from a run after another model was opened, or
// after a cancel, changes nothing; and whatever job ends, the effect is asked for again.

import { describe, expect, it } from 'vitest';
import { createStore } from 'zustand/vanilla';
import type { Progress } from '../contract/progress.ts';
import { cancelled, EspalierError } from '../errors.ts';
import { makeContext } from './context.ts';
import { engineJob } from './jobs.ts';
import { effectKey } from './keys.ts';
import type { OpenModel } from './open/state.ts';
import { quantiseRequest } from './quantise/selectors.ts';
import { type Run, runJob } from './runJob.ts';
import { afterOpening, type EngineJob, firstState, JOBS, type StudioState } from './state.ts';
import { aWhile, noDisk, scored, setUp, until } from './testing/setUp.ts';

type Event = { type: 'block'; block: number };

const progress: Progress = {
  job: 'score',
  phase: 'score',
  done: 1,
  total: 2,
  unit: 'blocks',
  secondsLeft: null,
};

const aModel = (name: string) => ({ summary: { name, numBlocks: 2 } }) as OpenModel;

/** A context with a model, and one run of "scoring" whose engine answers when the test says so. */
function running(options: { settle?(): Promise<void> } = {}) {
  const store = createStore<StudioState>(() => ({
    ...firstState(),
    model: { ...firstState().model, current: aModel('first') },
  }));
  const { api } = setUp().studio;
  const { meter } = setUp();
  const context = makeContext(
    store,
    {
      api,
      meter: meter.api,
      disk: noDisk,
      sample: { source: { kind: 'hosted', name: '', baseUrl: '', files: [] }, graph: '' },
      planDelayMs: 0,
      now: () => 0,
    },
    { read: () => '', write: () => {} },
  );
  const log: string[] = [];
  let engine!: Run<unknown> & { resolve(result: string): void; reject(error: unknown): void };
  const start = () =>
    runJob<Event, string>(context, 'score', {
      started: 'started',
      start() {
        log.push('start');
        const { settings } = store.getState().score;
        const growing = { device: null, windows: 0, baseline: null, blocks: [], notes: [] };
        context.patch('score', { running: { ...growing, settings } });
      },
      call: (run) =>
        new Promise((resolve, reject) => {
          engine = { ...(run as Run<unknown>), resolve, reject };
        }),
      follow: (events, { progress: next }) =>
        void log.push(`${events.map(({ block }) => block).join()}${next ? ' progress' : ''}`),
      take(result) {
        log.push(`take ${result}`);
        return `took ${result}`;
      },
      stop(wasCancelled) {
        log.push('stop');
        return wasCancelled ? 'was cancelled' : '';
      },
      ...options,
      end() {
        log.push('end');
        context.patch('score', { running: null });
      },
    });
  const openAnother = () =>
    store.setState((state) => ({
      ...afterOpening(state, 'new-model'),
      model: { ...state.model, current: aModel('second') },
    }));
  const { getState: get } = store;
  return { context, log, get, start, engine: () => engine, openAnother };
}

describe('a job', () => {
  it('takes events in batches and in order, then the result, then ends', async () => {
    const { log, get, start, engine } = running();
    const job = start();
    expect([engineJob(get()), get().view.announcement]).toEqual(['score', 'started']);
    engine().onEvent({ type: 'block', block: 0 });
    engine().onEvent({ type: 'progress', progress });
    engine().onEvent({ type: 'block', block: 1 });
    expect(log).toEqual(['start']);
    engine().resolve('a curve');
    await job;
    expect(log).toEqual(['start', '0,1 progress', 'take a curve', 'end']);
    expect([engineJob(get()), get().view.announcement]).toEqual([null, 'took a curve']);
    engine().onEvent({ type: 'block', block: 2 });
    await aWhile(120);
    expect(log.at(-1)).toBe('end');
  });

  it('starts only on an open model, and not while another runs', async () => {
    const { context, log, start, engine, get } = running();
    const first = start();
    await start();
    expect(log).toEqual(['start']);
    engine().resolve('');
    await first;
    context.patch('model', { current: null });
    await start();
    expect([log.filter((word) => word === 'start').length, engineJob(get())]).toEqual([1, null]);
  });

  it('drops events and result of a model that is no longer open', async () => {
    const { log, get, start, engine, openAnother } = running();
    const job = start();
    engine().onEvent({ type: 'block', block: 0 });
    openAnother();
    expect(engine().isCurrent()).toBe(false);
    engine().onEvent({ type: 'block', block: 1 });
    engine().resolve('an old curve');
    await job;
    expect(log).toEqual(['start']);
    expect(get().view.announcement).toBe('');
  });

  it('does not show the error of a model that is no longer open', async () => {
    const { log, get, start, engine, openAnother } = running();
    const job = start();
    openAnother();
    engine().reject(new EspalierError('device-lost', 'The GPU went away.'));
    await job;
    expect(log).toEqual(['start']);
    expect([get().errors, get().view.announcement]).toEqual([{}, '']);
  });

  it('of the model before changes nothing of the newer run that has begun since', async () => {
    const { log, get, start, engine, openAnother } = running();
    const old = start();
    const { resolve, onEvent } = engine();
    openAnother();
    const fresh = start();
    onEvent({ type: 'block', block: 7 });
    resolve('an old curve');
    await old;
    expect([log, engineJob(get())]).toEqual([['start', 'start'], 'score']);
    engine().resolve('a new curve');
    await fresh;
    expect(log).toEqual(['start', 'start', 'take a new curve', 'end']);
  });

  it('that is cancelled keeps what had come, says so and shows no error', async () => {
    const { log, get, start, engine } = running();
    const job = start();
    engine().onEvent({ type: 'block', block: 0 });
    engine().reject(cancelled());
    await job;
    expect(log).toEqual(['start', '0', 'stop', 'end']);
    expect([get().errors, get().view.announcement]).toEqual([{}, 'was cancelled']);
  });

  it('that fails shows its error at its place, and clears it when it runs again', async () => {
    const { log, get, start, engine } = running();
    const job = start();
    engine().reject(new EspalierError('device-lost', 'The GPU went away.', 'Try again.'));
    await job;
    expect(log).toEqual(['start', 'stop', 'end']);
    expect(get().errors.score?.code).toBe('device-lost');
    expect(get().view.announcement).toBe('The GPU went away. Try again.');
    const again = start();
    expect(get().errors).toEqual({});
    engine().resolve('');
    await again;
  });

  it('stays in charge until all is done, and leaves a new model alone', async () => {
    let settled!: () => void;
    const settle = () => new Promise<void>((resolve) => (settled = resolve));
    const { log, get, start, engine, openAnother } = running({ settle });
    const job = start();
    engine().resolve('a curve');
    await aWhile(5);
    expect(engineJob(get())).toBe('score');
    settled();
    await job;
    expect(log.at(-1)).toBe('end');
    const next = start();
    engine().resolve('a curve');
    await aWhile(5);
    openAnother();
    settled();
    await next;
    expect(log.filter((word) => word === 'end').length).toBe(1);
  });
});

/** The slices of each job as if it ran; a new job needs a row. */
const RUNNING: Record<EngineJob, (state: StudioState) => Partial<StudioState>> = {
  score: ({ score }) => ({
    score: {
      ...score,
      running: {
        settings: score.settings,
        device: null,
        windows: 0,
        baseline: null,
        blocks: [],
        notes: [],
      },
    },
  }),
  sublayers: ({ sublayers }) => ({
    sublayers: { ...sublayers, running: { baseline: null, parts: [], notes: [] } },
  }),
  criteria: ({ criteria }) => ({ criteria: { ...criteria, running: 'magnitudes' } }),
  stability: ({ stability }) => ({
    stability: { ...stability, running: { at: 0, of: 1, label: '' } },
  }),
  search: ({ search }) => ({ search: { ...search, running: true } }),
  paths: ({ search }) => ({ search: { ...search, measuring: { done: 0, total: 1 } } }),
  evaluate: (state) => ({
    evaluate: {
      ...state.evaluate,
      running: {
        request: {
          removed: [],
          text: { kind: 'bundled' },
          segment: 2,
          stride: null,
          bos: null,
          maxSegments: null,
          device: 'auto',
        },
        partial: null,
        notes: [],
      },
    },
  }),
  heal: ({ heal }) => ({
    heal: {
      ...heal,
      running: {
        request: null,
        controlOf: 'h',
        losses: [],
        heldOut: [],
        steps: 0,
        notes: [],
        stopping: false,
      },
    },
  }),
  quantise: (state) => ({
    quantise: {
      ...state.quantise,
      running: { request: quantiseRequest(state)!, sensitivities: new Map(), notes: [] },
    },
  }),
  tasks: ({ tasks }) => ({
    tasks: {
      ...tasks,
      running: {
        request: { tasks: [], variants: [], limit: null, seed: 0, device: 'auto' },
        partial: null,
        notes: [],
      },
    },
  }),
  width: ({ width }) => ({
    width: {
      ...width,
      running: {
        ...{ stage: 'width', outcomes: [], plans: [] },
        ...{ sides: [], arranged: 'all', speedDevice: null, notes: [] },
      },
    },
  }),
  lineage: ({ lineage }) => ({ lineage: { ...lineage, running: true } }),
  forms: ({ export: slice }) => ({
    export: { ...slice, forms: { ...slice.forms, running: true } },
  }),
  export: ({ export: slice }) => ({ export: { ...slice, running: true } }),
};

describe.each(Object.keys(JOBS) as EngineJob[])('the end of %s', (job) => {
  it('asks for the effect that it kept waiting', async () => {
    const { get, actions, store, studio } = await scored();
    store.state.setState(RUNNING[job](get()));
    expect(engineJob(get())).toBe(job);
    actions.toggle(3);
    await aWhile(20);
    expect(studio.calls.some(({ name }) => name === 'plan')).toBe(false);
    const idle = afterOpening(get(), 'same-model');
    store.state.setState({ ...idle, model: get().model });
    expect(engineJob(get())).toBeNull();
    await until(() => get().effect.shown?.key === effectKey(get()));
    store.dispose();
  });
});

type Page = Awaited<ReturnType<typeof scored>>;

/** Each job as a person starts it; a new job needs a row. */
const START: Record<EngineJob, (page: Page) => unknown> = {
  score: ({ actions }) => actions.score(),
  sublayers: ({ actions }) => actions.scoreSublayers(),
  criteria: ({ actions }) => actions.compareCriteria(),
  stability: ({ actions }) => actions.studyStability(),
  search: ({ actions }) => actions.search(),
  paths: ({ actions }) => actions.measurePaths(),
  evaluate: ({ actions }) => actions.evaluate(),
  heal({ actions }) {
    actions.setRemoved([3]);
    return actions.heal();
  },
  quantise: ({ actions }) => actions.quantise(),
  async tasks({ actions }) {
    await actions.loadBuiltInTasks();
    await actions.scoreTasks();
  },
  width: ({ actions }) => actions.compareWidth(),
  async lineage({ actions, get, store }) {
    const { kept, score } = get();
    const { curve } = score;
    const source = { key: 's', name: 'source', savedAt: 1, curve, measured: [], speeds: new Map() };
    store.state.setState({
      kept: { ...kept, lineage: [source] },
      score: { ...score, curve: null },
    });
    await actions.measureLineage();
  },
  async forms({ actions, get, store }) {
    actions.setRemoved([3]);
    await actions.heal();
    const { model } = get();
    const summary = { ...model.current!.summary, dtype: 'q4' };
    store.state.setState({ model: { ...model, current: { ...model.current!, summary } } });
    await actions.measureForms();
  },
  export: ({ actions }) => actions.exportModel('pruned'),
};

/** What jobs leave in the state, apart from settings and forms. */
const resultsOf = (state: StudioState) => ({
  score: { ...state.score, settings: null, memory: null },
  sublayers: state.sublayers,
  criteria: state.criteria,
  stability: state.stability,
  search: { ...state.search, form: null },
  evaluate: { ...state.evaluate, form: null },
  heal: { ...state.heal, form: null, shelf: null },
  quantise: { ...state.quantise, form: null, shelf: null },
  tasks: { ...state.tasks, form: null, loaded: null },
  export: state.export,
  effect: state.effect,
  width: { ...state.width, form: null },
  lineage: state.lineage,
  errors: state.errors,
});

describe.each(Object.keys(START) as EngineJob[])('%s under way', (job) => {
  it('leaves nothing in the state of another model', async () => {
    const page = await scored({}, { stepMs: 2 });
    const { get, actions, store } = page;
    // Some take no longer than the wait between two looks.
    const begun = new Promise<void>((resolve) => {
      store.state.subscribe((state) => engineJob(state) === job && resolve());
    });
    const run = START[job](page);
    await begun;
    const opening = actions.openSource({ kind: 'files', name: 'another', files: [] });
    // Asked where the job cannot be resumed.
    expect(get().model.asking !== null).toBe(JOBS[job].isLostOnLeaving);
    actions.answerOpening(true);
    await opening;
    expect(get().model.current?.source.name).toBe('another');
    await run;
    await aWhile(120);
    expect(resultsOf(get())).toEqual(resultsOf(firstState()));
    store.dispose();
  });
});
