// The meter's bookkeeping: workers that end with their job, room made by the studio, cancel, a
// worker that dies. The workers are stand-ins on message channels.

import { expose } from 'comlink';
import { expect, test } from 'vitest';
import type { DeviceChoice, DeviceReport } from '../contract/device.ts';
import type { MeasureRequest, MeterEvent } from '../contract/speed.ts';
import {
  type RunSample,
  VARIANT_METHODS,
  type VariantApi,
  type VariantInfo,
} from '../contract/variant.ts';
import { EspalierError } from '../errors.ts';
import { createMeter } from './meter.ts';
import { outgoing } from './wire.ts';

const GB = 1e9;

interface Options {
  /** Seconds of a run by number of removed blocks. */
  seconds?(removed: number): number;
  /** Loads that fail with out-of-memory, from the first. */
  noMemory?: number;
  /** Runs beside another worker find no room. */
  crowded?: boolean;
  /** The run at which a worker never answers. */
  hangs?: boolean;
  /** The worker breaks instead of loading or running. */
  dies?: 'load' | 'run';
}

function standIns(options: Options = {}) {
  const alive = new Set<Worker>();
  const log: string[] = [];
  let loads = 0;
  const spawn = (): Worker => {
    const { port1, port2 } = new MessageChannel();
    let removed = 0;
    const api: VariantApi = {
      async load(request) {
        removed = request.removed.length;
        log.push(`load ${removed}`);
        if (request.chosen) log.push(`chosen ${request.chosen}`);
        if (options.dies === 'load')
          worker.onerror?.(Object.assign(new Event('error'), { message: 'gone' }) as ErrorEvent);
        if (loads++ < (options.noMemory ?? 0)) throw new EspalierError('out-of-memory', 'no room');
        return info(16 - removed);
      },
      encode: async () => ({ ids: [1, 2, 3], text: '' }),
      async run({ ids, tokens, batch }): Promise<RunSample> {
        if (options.crowded && alive.size > 1) throw new EspalierError('out-of-memory', 'no room');
        if (options.hangs) return new Promise(() => {});
        if (options.dies === 'run')
          worker.onerror?.(Object.assign(new Event('error'), { message: 'gone' }) as ErrorEvent);
        log.push(`run ${removed}`);
        const seconds = options.seconds?.(removed) ?? 1;
        return {
          promptTokens: ids.length,
          tokens,
          batch,
          ttft: seconds / 10,
          seconds,
          hostSeconds: 0,
          deviceBytes: 10,
          ids: [],
        };
      },
      begin: async () => {},
      advance: async () => ({
        ids: [],
        text: '',
        ends: [],
        ttft: 0,
        seconds: 0,
        tokens: 0,
        done: 'length',
      }),
    };
    expose(outgoing<VariantApi>(api, VARIANT_METHODS), port1);
    port1.start();
    port2.start();
    const worker = Object.assign(port2, {
      terminate() {
        alive.delete(worker);
        port1.close();
        port2.close();
      },
      onerror: null as ((event: ErrorEvent) => void) | null,
    }) as object as Worker;
    alive.add(worker);
    return worker;
  };
  return { spawn, alive, log };
}

function info(numBlocks: number): VariantInfo {
  return {
    device: { kind: 'wasm', name: 'CPU (wasm)' },
    runtime: '',
    cache: 'growing',
    graphCapture: false,
    notes: [],
    numBlocks,
    fileBytes: 1,
    loadSeconds: 0.1,
    contextLength: null,
    vocabSize: 10,
    hasTokenizer: true,
    chat: 'none',
  };
}

function studio() {
  const released: string[] = [];
  const report: DeviceReport = {
    preferred: 'wasm',
    webgpu: false,
    adapter: '',
    reason: null,
    features: [],
    maxBufferBytes: 0,
    selfTest: null,
  };
  return {
    released,
    device: async () => report,
    chooseDevice: async (): Promise<DeviceChoice> => {
      throw new Error('nothing is chosen without a GPU');
    },
    release: async () => {
      released.push('released');
    },
  };
}

const request = (
  estimate: MeasureRequest['estimate'] = { original: 1, pruned: 1 },
): MeasureRequest => ({
  source: { kind: 'files', name: 'm', files: [] },
  graph: 'model.onnx',
  removed: [3, 4],
  device: 'auto',
  estimate,
  settings: {
    mode: 'custom',
    prompt: null,
    promptTokens: 3,
    tokens: 4,
    warmup: 1,
    runs: 3,
    batch: 1,
    sampling: { temperature: 0, topK: 0, topP: 1, seed: 0 },
    graphCapture: false,
  },
});

test('both variants run in turns, and their workers end with the job', async () => {
  const { spawn, alive, log } = standIns({ seconds: (removed) => (removed ? 0.5 : 1) });
  const { released, ...api } = studio();
  const result = await createMeter(api, spawn).measure(request(), () => {});
  expect(result.gain?.ratio).toBeCloseTo(2);
  expect(result.interleaved).toBe('runs');
  const runs = log.filter((line) => line.startsWith('run'));
  expect(runs).toHaveLength(8);
  for (let k = 0; k < runs.length; k += 2)
    expect(new Set(runs.slice(k, k + 2))).toEqual(new Set(['run 0', 'run 2']));
  expect(alive.size).toBe(0);
  expect(released).toEqual([]);
});

test('what does not fit beside the studio makes it release its weights', async () => {
  const { spawn } = standIns();
  const { released, ...api } = studio();
  const notes: string[] = [];
  const onEvent = (event: MeterEvent) => void (event.type === 'note' && notes.push(event.text));
  const result = await createMeter(api, spawn).measure(
    request({ original: 3 * GB, pruned: 2 * GB }),
    onEvent,
  );
  expect(released).toEqual(['released']);
  expect(notes.join(' ')).toContain('released');
  expect(result.interleaved).toBe('runs');
});

test('what does not fit together is loaded in turns', async () => {
  const { spawn, log } = standIns();
  const api = studio();
  const result = await createMeter(api, spawn).measure(
    request({ original: 5 * GB, pruned: 4 * GB }),
    () => {},
  );
  expect(result.interleaved).toBe('rounds');
  expect(log.filter((line) => line.startsWith('load'))).toEqual([
    'load 0',
    'load 2',
    'load 0',
    'load 2',
  ]);
});

test('a load that runs out of memory is tried again without the studio', async () => {
  const { spawn } = standIns({ noMemory: 1 });
  const { released, ...api } = studio();
  const result = await createMeter(api, spawn).measure(request(), () => {});
  expect(released).toEqual(['released']);
  expect(result.original && result.pruned).toBeTruthy();
});

test('runs that do not fit together are made in turn and without the studio', async () => {
  const { spawn, alive } = standIns({ crowded: true });
  const { released, ...api } = studio();
  const result = await createMeter(api, spawn).measure(request(), () => {});
  expect([
    result.interleaved,
    result.original?.samples.length,
    result.pruned?.samples.length,
  ]).toEqual(['rounds', 3, 3]);
  expect(released).toEqual(['released']);
  expect(alive.size).toBe(0);
});

test('cancel ends a job whose worker never answers; a new job ends the last one', async () => {
  const { spawn, alive } = standIns({ hangs: true });
  const api = studio();
  const meter = createMeter(api, spawn);
  const first = meter.measure(request(), () => {});
  first.catch(() => {});
  await new Promise((resolve) => setTimeout(resolve, 20));
  const second = meter.measure(request(), () => {});
  await expect(first).rejects.toMatchObject({ code: 'cancelled' });
  await new Promise((resolve) => setTimeout(resolve, 20));
  meter.cancel();
  await expect(second).rejects.toMatchObject({ code: 'cancelled' });
  expect(alive.size).toBe(0);
});

test.each(['load', 'run'] as const)(
  'a worker that dies in a %s is an error of its variant',
  async (dies) => {
    const { spawn, alive } = standIns({ dies });
    const api = studio();
    await expect(createMeter(api, spawn).measure(request(), () => {})).rejects.toMatchObject({
      code: 'bug',
      message: 'The measuring worker stopped unexpectedly.',
    });
    expect(alive.size).toBe(0);
  },
);

test('auto runs on what was chosen for the model, says why, and asks for it once', async () => {
  const { spawn, log } = standIns();
  const api = studio();
  const report: DeviceReport = {
    ...(await api.device()),
    preferred: 'webgpu',
    webgpu: true,
    selfTest: { passed: true, checks: [], routes: [], seconds: 1 },
  };
  const time = { seconds: 1, tokens: 128 };
  const choice: DeviceChoice = {
    kind: 'wasm',
    whole: 'wasm',
    reason: 'The CPU is faster.',
    measured: { webgpu: time, wasm: time },
  };
  let asked = 0;
  const chosen = async () => {
    asked += 1;
    return choice;
  };
  const gpu = { ...api, device: async () => report, chooseDevice: chosen };
  const notes: string[] = [];
  const onEvent = (event: MeterEvent) => void (event.type === 'note' && notes.push(event.text));
  await createMeter(gpu, spawn).measure(request(), onEvent);
  expect(asked).toBe(1);
  expect(log.filter((line) => line.startsWith('chosen'))).toEqual(['chosen wasm', 'chosen wasm']);
  const said = () => notes.filter((text) => text === choice.reason).length;
  expect(said()).toBe(1);

  // A device that is asked for by name is taken as it is.
  await createMeter(gpu, spawn).measure({ ...request(), device: 'webgpu' }, onEvent);
  expect([asked, said()]).toEqual([1, 1]);
  // Where the model cannot be scored its graph decides, as without a choice.
  const unscored = { ...gpu, chooseDevice: api.chooseDevice };
  const result = await createMeter(unscored, spawn).measure(request(), onEvent);
  expect(result.gain).not.toBeNull();
  expect(log.filter((line) => line.startsWith('chosen'))).toHaveLength(2);
});
