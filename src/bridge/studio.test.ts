// The client's bookkeeping of a replaced worker: what is opened again, what takes its place. The
// worker is a stand-in on a message channel.

import { expose } from 'comlink';
import { expect, test } from 'vitest';
import type { OpenRequest, OpenResult } from '../contract/open.ts';
import type { ScoreResult, ScoreSettings } from '../contract/score.ts';
import { METHODS, type StudioApi } from '../contract/studio.ts';
import { type ErrorCode, EspalierError } from '../errors.ts';
import { createStudio } from './studio.ts';
import { outgoing } from './wire.ts';

/**
 * A worker whose current model is the last opened one; opening takes as many ms as its name has
 * letters times ten.
 */
function standIn(log: string[], broken: Set<string>) {
  const lose: { next: boolean; code: ErrorCode; worker: Worker | null } = {
    next: false,
    code: 'device-lost',
    worker: null,
  };
  const spawn = (): Worker => {
    const { port1, port2 } = new MessageChannel();
    let current = '';
    let turn = 0;
    const api: Partial<StudioApi> = {
      async open({ source }: OpenRequest) {
        const own = ++turn;
        await new Promise((resolve) => setTimeout(resolve, source.name.length * 10));
        if (broken.has(source.name))
          throw new EspalierError('missing-file', `${source.name} was changed`);
        if (own !== turn) throw new EspalierError('cancelled', 'Cancelled.');
        current = source.name;
        log.push(`open ${current}`);
        return { kind: 'opened' } as OpenResult;
      },
      async plan(removed) {
        if (lose.next) {
          lose.next = false;
          throw new EspalierError(lose.code, 'lost');
        }
        log.push(`plan on ${current}`);
        return { removed, nll: 1, ppl: Math.E, nllPerWindow: [1], seconds: 0 };
      },
      // Never ends by itself, but where a budget is given.
      score: ({ budgetBytes }) =>
        budgetBytes
          ? Promise.resolve({ windows: [[1, 2]], device: { kind: 'wasm' } } as ScoreResult)
          : new Promise(() => {}),
      async useWindows(windows, device, budgetBytes) {
        log.push(`windows ${JSON.stringify(windows)} on ${device} within ${budgetBytes}`);
      },
      cancel: async () => {},
    };
    expose(outgoing<StudioApi>(api as StudioApi, METHODS), port1);
    port1.start();
    port2.start();
    lose.worker = Object.assign(port2, {
      terminate: () => {
        port1.close();
        port2.close();
      },
      onerror: null,
    }) as object as Worker;
    return lose.worker;
  };
  return { spawn, lose };
}

const request = (name: string): OpenRequest => ({ source: { kind: 'files', name, files: [] } });
const nothing = (): void => {};

test('after a lost device the model is opened again before the next call', async () => {
  const log: string[] = [];
  const { spawn, lose } = standIn(log, new Set());
  const { api, dispose } = createStudio(spawn);
  await api.open(request('a'), nothing);
  lose.next = true;
  await expect(api.plan([1], nothing)).rejects.toMatchObject({ code: 'device-lost' });
  await api.plan([1], nothing);
  expect(log).toEqual(['open a', 'open a', 'plan on a']);
  dispose();
});

// Memory that ran out, on the GPU or in the wasm heap, leaves a heap that cannot be used any more.
test('after memory ran out the next call gets a fresh worker with the same model', async () => {
  const log: string[] = [];
  const { spawn, lose } = standIn(log, new Set());
  const { api, onReplaced, dispose } = createStudio(spawn);
  const reported: string[] = [];
  onReplaced(({ message }) => reported.push(message));
  await api.open(request('a'), nothing);
  Object.assign(lose, { next: true, code: 'out-of-memory' });
  await expect(api.plan([1], nothing)).rejects.toMatchObject({ code: 'out-of-memory' });
  await api.plan([1], nothing);
  expect([log, reported]).toEqual([['open a', 'open a', 'plan on a'], ['lost']]);
  dispose();
});

test('a new worker gets windows and budget of the last score, but no old error', async () => {
  const log: string[] = [];
  const { spawn, lose } = standIn(log, new Set());
  const { api, dispose } = createStudio(spawn);
  await api.open(request('a'), nothing);
  await api.score({ budgetBytes: 1e6 } as ScoreSettings, nothing);
  const old = lose.worker;
  lose.next = true;
  await expect(api.plan([1], nothing)).rejects.toMatchObject({ code: 'device-lost' });
  const again = api.plan([1], nothing);
  old?.onerror?.(new Event('error', { cancelable: true }) as ErrorEvent);
  await again;
  expect(log).toEqual(['open a', 'open a', 'windows [[1,2]] on wasm within 1000000', 'plan on a']);
  dispose();
});

test('a worker that dies ends its calls, and the next call gets a new one', async () => {
  const log: string[] = [];
  const { spawn, lose } = standIn(log, new Set());
  const { api, dispose } = createStudio(spawn);
  await api.open(request('a'), nothing);
  const waiting = api.score({} as ScoreSettings, nothing);
  await new Promise((resolve) => setTimeout(resolve, 20));
  lose.worker?.onerror?.(
    Object.assign(new Event('error', { cancelable: true }), {
      message: 'unreachable',
    }) as ErrorEvent,
  );
  await expect(waiting).rejects.toMatchObject({
    code: 'bug',
    message: 'The worker stopped unexpectedly.',
    detail: 'unreachable',
  });
  await api.plan([1], nothing);
  expect(log).toEqual(['open a', 'open a', 'plan on a']);
  dispose();
});

test('an open takes the place of a restore, whichever is slower', async () => {
  const log: string[] = [];
  const { spawn, lose } = standIn(log, new Set());
  const { api, dispose } = createStudio(spawn);
  await api.open(request('a very slow model'), nothing);
  lose.next = true;
  await expect(api.plan([], nothing)).rejects.toMatchObject({ code: 'device-lost' });
  await api.open(request('b'), nothing);
  await api.plan([], nothing);
  expect(log).toEqual(['open a very slow model', 'open b', 'plan on b']);
  dispose();
});

test('a failed restore is reported once and does not block another model', async () => {
  const log: string[] = [];
  const broken = new Set<string>();
  const { spawn, lose } = standIn(log, broken);
  const { api, dispose } = createStudio(spawn);
  await api.open(request('a'), nothing);
  lose.next = true;
  await expect(api.plan([], nothing)).rejects.toMatchObject({ code: 'device-lost' });
  broken.add('a');
  await expect(api.plan([], nothing)).rejects.toMatchObject({ code: 'missing-file' });
  await api.open(request('b'), nothing);
  await api.plan([], nothing);
  expect(log).toEqual(['open a', 'open b', 'plan on b']);
  dispose();
});

test('an open that is refused after a lost device leaves the old model to be had', async () => {
  const log: string[] = [];
  const { spawn, lose } = standIn(log, new Set(['bad']));
  const { api, dispose } = createStudio(spawn);
  await api.open(request('a'), nothing);
  lose.next = true;
  await expect(api.plan([], nothing)).rejects.toMatchObject({ code: 'device-lost' });
  await expect(api.open(request('bad'), nothing)).rejects.toMatchObject({ code: 'missing-file' });
  await api.plan([], nothing);
  expect(log).toEqual(['open a', 'open a', 'plan on a']);
  dispose();
});

test('a job that is cancelled while its model is opened again does not begin', async () => {
  const log: string[] = [];
  const { spawn, lose } = standIn(log, new Set());
  const { api, dispose } = createStudio(spawn);
  await api.open(request('a slow model'), nothing);
  lose.next = true;
  await expect(api.plan([1], nothing)).rejects.toMatchObject({ code: 'device-lost' });
  const waiting = api.plan([1], nothing);
  await api.cancel();
  await expect(waiting).rejects.toMatchObject({ code: 'cancelled' });
  await api.plan([2], nothing);
  expect(log).toEqual(['open a slow model', 'open a slow model', 'plan on a slow model']);
  dispose();
});
