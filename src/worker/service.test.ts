// The service on the real runtime in Node: which model is open when opens overlap, and what asking
// for memory leaves alone.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { OpenRequest } from '../contract/open.ts';
import type { ScoreEvent, ScoreSettings } from '../contract/score.ts';
import type { SearchEvent, SearchResult } from '../contract/search.ts';
import { makeJobShelf } from '../files/checkpoints.ts';
import { memoryStore } from '../files/testing/memoryStore.ts';
import { MAX_PROVENANCE_BYTES } from '../model/export/provenance.ts';
import { openFolder } from '../node/testing/openFolder.ts';
import { loaderWithoutGpu } from '../runtime/testing/cpuDevices.ts';
import { calibrationText, fixturePath, golden } from '../testing/fixtures.ts';
import { Checkpoints } from './checkpoints.ts';
import { StudioService } from './service.ts';

const service = (): StudioService =>
  new StudioService(loaderWithoutGpu, async () => calibrationText());
const nothing = (): void => {};

async function request(name: string): Promise<OpenRequest> {
  const root = fixturePath(name);
  const folder = await openFolder(root);
  const files = folder.files.map(({ path }) => ({
    path,
    file: new File([readFileSync(join(root, path))], path),
  }));
  await folder.close();
  return { source: { kind: 'files', name, files } };
}

function settings(name: string, device: ScoreSettings['device']): ScoreSettings {
  const { windows } = golden(name);
  return {
    text: { kind: 'ids', name, windows },
    samples: 3,
    length: 24,
    sampler: 'even',
    seed: 0,
    bos: null,
    device,
  };
}

test('of two opens that overlap the later one counts', async () => {
  const studio = service();
  const [slow, fast] = [await request('optimum-gemma3-fp32'), await request('optimum-llama-nokv')];
  const [first, second] = await Promise.allSettled([
    studio.open(slow, nothing),
    studio.open(fast, nothing),
  ]);
  expect(first).toMatchObject({ status: 'rejected', reason: { code: 'cancelled' } });
  expect(second.status).toBe('fulfilled');
  const result = await studio.score(settings('optimum-llama-nokv', 'wasm'), nothing);
  expect(
    Math.abs(result.baseline.nll - (golden('optimum-llama-nokv').baseline?.nll ?? 0)),
  ).toBeLessThan(1e-4);
});

test('asking for the memory of another device keeps the session and its states', async () => {
  const studio = service();
  await studio.open(await request('optimum-llama-nokv'), nothing);
  const wasm = settings('optimum-llama-nokv', 'wasm');
  await studio.score(wasm, nothing);
  const phases = new Set<string>();
  expect((await studio.memory({ ...wasm, device: 'webgpu' })).total).toBeGreaterThan(0);
  await studio.plan([1, 3], (progress) => phases.add(progress.phase));
  expect([...phases]).not.toContain('read');
  expect([...phases]).not.toContain('compile');
});

test('plans keep to the budget of the score, also after the session was released', async () => {
  const studio = service();
  await studio.open(await request('optimum-llama-nokv'), nothing);
  const wasm = settings('optimum-llama-nokv', 'wasm');
  const { total } = await studio.memory(wasm);
  const shares = await Promise.all(
    [0.9, 0.8, 0.7, 0.6].map((part) =>
      studio.memory({ ...wasm, budgetBytes: Math.floor(part * total) }),
    ),
  );
  const budgetBytes = shares.find(({ streaming, obstacle }) => streaming && !obstacle)?.budget;
  expect(budgetBytes).toBeDefined();
  const bytesFirst = async (): Promise<number> => {
    let bytes = 0;
    await studio.plan([1, 3], ({ phase, total }) => {
      if (phase === 'read') bytes = total;
    });
    return bytes;
  };
  await studio.score({ ...wasm, budgetBytes }, nothing);
  await studio.release();
  const streamed = await bytesFirst();
  await studio.score(wasm, nothing);
  await studio.release();
  expect(streamed).toBeLessThan(await bytesFirst());
});

test('timed runs read one block and the head, and a job that starts ends them', async () => {
  const studio = service();
  await studio.open(await request('optimum-llama-nokv'), nothing);
  const asked = {
    device: 'wasm',
    budgetBytes: undefined,
    sizes: [{ windows: 3, length: 24 }],
  } as const;
  const { runs, bytesRead, device } = await studio.timeRuns(asked);
  expect(device.kind).toBe('wasm');
  expect(runs).toMatchObject([{ windows: 3, length: 24 }]);
  expect(runs[0]!.blockSeconds).toBeGreaterThan(0);
  expect(runs[0]!.headSeconds).toBeGreaterThan(0);
  const wasm = settings('optimum-llama-nokv', 'wasm');
  expect(bytesRead).toBeLessThan((await studio.memory(wasm)).weights * 0.75);

  const [timed, scored] = await Promise.allSettled([
    studio.timeRuns(asked),
    studio.score(wasm, nothing),
  ]);
  expect(timed).toMatchObject({ status: 'rejected', reason: { code: 'cancelled' } });
  expect(scored.status).toBe('fulfilled');
  // While a job runs nothing is timed, and the job goes on.
  const [running, refused] = await Promise.allSettled([
    studio.score(wasm, nothing),
    studio.timeRuns(asked),
  ]);
  expect(running.status).toBe('fulfilled');
  expect(refused).toMatchObject({ status: 'rejected', reason: { code: 'cancelled' } });
});

test('timed runs between a cancelled job and the next leave its programs compiled', async () => {
  const studio = service();
  await studio.open(await request('optimum-llama-nokv'), nothing);
  const wasm = settings('optimum-llama-nokv', 'wasm');
  const cancelled = await Promise.allSettled([
    studio.score(wasm, (event) => {
      if (event.type === 'block') studio.cancel();
    }),
  ]);
  expect(cancelled).toMatchObject([{ status: 'rejected', reason: { code: 'cancelled' } }]);
  const sizes = [{ windows: 3, length: 24 }];
  await studio.timeRuns({ device: 'wasm', budgetBytes: undefined, sizes });
  const { blocks } = await studio.score(wasm, nothing);
  expect(blocks.every(({ nll }) => Number.isFinite(nll))).toBe(true);
});

test('a huge espalier.json is not read and does not keep a model from opening', async () => {
  const { source } = await request('optimum-llama-nokv');
  if (source.kind !== 'files') throw new Error('files');
  const long = new File([new Uint8Array(MAX_PROVENANCE_BYTES + 1)], 'espalier.json');
  const files = [...source.files, { path: 'espalier.json', file: long }];
  expect(await service().open({ source: { ...source, files } }, nothing)).toMatchObject({
    kind: 'opened',
    provenance: null,
  });
});

test('a newer plan cancels an older one', async () => {
  const studio = service();
  await studio.open(await request('optimum-llama-nokv'), nothing);
  await studio.score(settings('optimum-llama-nokv', 'wasm'), nothing);
  const [older, newer] = await Promise.allSettled([
    studio.plan([1, 2], nothing),
    studio.plan([2, 3], nothing),
  ]);
  expect(older).toMatchObject({ status: 'rejected', reason: { code: 'cancelled' } });
  expect(newer).toMatchObject({ status: 'fulfilled', value: { removed: [2, 3] } });
});

/** Engines that keep their jobs in the same place, as those of one browser do. */
function engines() {
  const disk = memoryStore();
  return async () => {
    const shelf = makeJobShelf(() => disk.use);
    const studio = new StudioService(
      loaderWithoutGpu,
      async () => calibrationText(),
      new Checkpoints(shelf),
    );
    await studio.open(await request('optimum-llama-nokv'), nothing);
    return studio;
  };
}

test('a cancelled run is resumed by another engine, with the same numbers', async () => {
  const fresh = engines();
  const request = settings('optimum-llama-nokv', 'wasm');
  const first = await fresh();
  let points = 0;
  const cancelled = first.score(request, ({ type }) => {
    if (type === 'block' && ++points === 2) void first.cancel();
  });
  await expect(cancelled).rejects.toMatchObject({ code: 'cancelled' });
  const [job] = await first.interrupted();
  expect(job).toMatchObject({ job: 'score', settings: request, device: { kind: 'wasm' } });

  const second = await fresh();
  expect(await second.interrupted()).toEqual([job]);
  const events: ScoreEvent[] = [];
  const percent = Math.max(1, Math.floor((100 * (job?.done ?? 0)) / (job?.total ?? 1)));
  const resumed = await second.score(request, (event) => events.push(event));
  expect(events.find(({ type }) => type === 'started')).toMatchObject({ resumed: job?.done });
  expect(
    events.some((event) => event.type === 'note' && event.text === `Resumed at ${percent} %.`),
  ).toBe(true);
  expect(await second.interrupted()).toEqual([]);

  const whole = await (await fresh()).score(request, nothing);
  expect(resumed.blocks).toEqual(whole.blocks);
  expect(resumed.baseline).toEqual(whole.baseline);
});

test('a search is paused, stopped, and resumed by another engine', async () => {
  const fresh = engines();
  const request = { start: [], locked: [0], count: 3, maxPpl: null };
  const asked = { ...request, settings: settings('optimum-llama-nokv', 'wasm') };
  const first = await fresh();
  let steps = 0;
  let held: Promise<void> | null = null;
  const cancelled = first.search(asked, ({ type }) => {
    if (type !== 'step' || ++steps > 1) return;
    void first.pause(true);
    held = new Promise((resolve) => setTimeout(resolve, 300));
    void held.then(() => first.cancel());
  });
  await expect(cancelled).rejects.toMatchObject({ code: 'cancelled' });
  expect(held).not.toBeNull();
  expect(steps).toBe(1);
  expect(await first.interrupted()).toMatchObject([
    { job: 'search', search: request, settings: asked.settings },
  ]);

  const second = await fresh();
  const events: SearchEvent[] = [];
  const resumed = await second.search(asked, (event) => events.push(event));
  expect(events.find(({ type }) => type === 'started')).toMatchObject({ resumedSteps: 1 });
  expect(await second.interrupted()).toEqual([]);
  const whole = await (await fresh()).search(asked, nothing);
  const found = ({ steps: made, baseline }: SearchResult) => [
    baseline,
    ...made.map(({ block, measure }) => [block, measure]),
  ];
  expect(found(resumed)).toEqual(found(whole));
  expect(resumed.steps).toHaveLength(3);
});

test('scoring without a model, planning without windows: clear refusals', async () => {
  const studio = service();
  await expect(studio.score(settings('optimum-llama-nokv', 'wasm'), nothing)).rejects.toMatchObject(
    { code: 'bad-input' },
  );
  await studio.open(await request('optimum-llama-nokv'), nothing);
  await expect(studio.plan([1], nothing)).rejects.toThrow(/no windows/);
});

test('opening reports the chat template, without needing a tokenizer', async () => {
  const studio = service();
  const chatOf = async (
    name: string,
    change: (path: string, file: File) => File | null = (_, file) => file,
  ) => {
    const { source } = await request(name);
    if (source.kind !== 'files') throw new Error('files');
    const files = source.files.flatMap(({ path, file }) => {
      const changed = change(path, file);
      return changed ? [{ path, file: changed }] : [];
    });
    const result = await studio.open({ source: { ...source, files } }, nothing);
    return result.kind === 'opened' && result.chat;
  };
  expect(await chatOf('optimum-llama-chat')).toBe('ok');
  expect(await chatOf('optimum-llama-chat-file')).toBe('ok');
  expect(await chatOf('optimum-llama-nokv')).toBe('none');
  expect(
    await chatOf('optimum-llama-chat', (path, file) => (path === 'tokenizer.json' ? null : file)),
  ).toBe('none');
  const broken = new File(['{"chat_template": "{% if %}"}'], 'tokenizer_config.json');
  expect(
    await chatOf('optimum-llama-chat', (path, file) => (path === broken.name ? broken : file)),
  ).toMatchObject({
    error: expect.stringContaining('chat template'),
  });
});
