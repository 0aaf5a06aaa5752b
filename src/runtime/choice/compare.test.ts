// What is run to choose a device: no more than decides it, nothing of what cannot matter.

import { expect, test } from 'vitest';
import { EspalierError } from '../../errors.ts';
import type { BlockRuns, RunSize } from './blockRuns.ts';
import { type Contenders, compareDevices } from './compare.ts';
import { comparisonWords } from './words.ts';

type Side = 'webgpu' | 'oneThread' | 'cpu';

interface Machine {
  /** Seconds of a run of so many tokens in all. */
  webgpu?(tokens: number): number;
  oneThread?(tokens: number): number;
  cpu?(tokens: number): number;
  threads?: number;
  products?: number;
  /** Sides that cannot be opened, or fail at this run. */
  broken?: Partial<Record<Side, 'open' | number>>;
  /** Windows that the GPU has room for. */
  room?: number;
}

/** Linear in the tokens, as CPUs are. */
const perWindow = (seconds: number) => (tokens: number) => (seconds * tokens) / 128;
const never = (): number => {
  throw new Error('it was not to be timed');
};

function machine(of: Machine) {
  const { threads = 1, products = 1e5, broken = {}, room = 64 } = of;
  const log: string[] = [];
  const open = { now: 0, most: 0 };
  const side = (name: Side, seconds: (tokens: number) => number) => async () => {
    if (broken[name] === 'open') throw new EspalierError('unsupported-op', `No ${name} here.`);
    open.now += 1;
    open.most = Math.max(open.most, open.now);
    let runs = 0;
    const block: BlockRuns = {
      async run({ windows, tokens }: RunSize) {
        log.push(`${name} ${windows}x${tokens}`);
        if (runs++ === broken[name]) throw new EspalierError('device-lost', `${name} was lost.`);
        return seconds(windows * tokens);
      },
      most: ({ windows }) => Math.min(windows, room),
      async close() {
        open.now -= 1;
      },
    };
    return block;
  };
  const contenders: Contenders = {
    webgpu: side('webgpu', of.webgpu ?? never),
    oneThread: side('oneThread', of.oneThread ?? never),
    cpu: async () => ({ ...(await side('cpu', of.cpu ?? never)()), threads }),
    threads,
    products,
  };
  const runs = (name: Side) => log.filter((line) => line.startsWith(name));
  return { contenders, log, open, runs };
}

test('a GPU that is faster with one window is timed with one, and no threads are', async () => {
  const { contenders, log, runs, open } = machine({
    webgpu: () => 0.001,
    oneThread: perWindow(0.02),
    threads: 4,
  });
  const found = await compareDevices(contenders);
  expect(found).toMatchObject({
    kind: 'webgpu',
    webgpu: { seconds: 0.001, tokens: 128 },
    wasm: { seconds: 0.02, tokens: 128, threads: 1 },
  });
  expect(new Set(log)).toEqual(new Set(['oneThread 1x128', 'webgpu 1x128']));
  // 0.3 s of it, and the run that warms up.
  expect(runs('oneThread')).toHaveLength(16);
  expect(runs('webgpu')).toHaveLength(21);
  expect(open).toEqual({ now: 0, most: 1 });
  expect(comparisonWords(found)).toBe(
    'For 128 tokens, a block of this model takes 1.00 ms on WebGPU and 20.0 ms on one of the ' +
      "CPU's 4 threads: WebGPU is faster than all 4 can be.",
  );
});

test('a GPU that is clearly slower is run twice', async () => {
  const { contenders, runs } = machine({ webgpu: () => 0.7, oneThread: perWindow(0.002) });
  const found = await compareDevices(contenders);
  expect(found.kind).toBe('wasm');
  expect(runs('webgpu')).toEqual(['webgpu 1x128', 'webgpu 1x128']);
  expect(comparisonWords(found)).toBe(
    'For 128 tokens, a block of this model takes 700 ms on WebGPU and 2.00 ms on the CPU (wasm, ' +
      'one thread): the CPU (wasm) is 350 times as fast.',
  );
});

test('a GPU that waits for each run is timed with the windows of a job', async () => {
  // 3 ms for whatever it is given, against 2 ms for each window.
  const slow = machine({ webgpu: () => 0.003, oneThread: perWindow(0.002) });
  const found = await compareDevices(slow.contenders);
  expect(found.kind).toBe('webgpu');
  expect(found.webgpu?.seconds).toBeCloseTo(0.0003, 9);
  expect(slow.log).toContain('webgpu 10x128');
  // Without the room for it, one window counts.
  const small = machine({ webgpu: () => 0.003, oneThread: perWindow(0.002), room: 1 });
  expect((await compareDevices(small.contenders)).kind).toBe('wasm');
  expect(small.log).not.toContain('webgpu 10x128');
});

test('threads are timed where they can turn the answer, and decide it', async () => {
  const of = { webgpu: perWindow(0.01), oneThread: perWindow(0.02), threads: 4 };
  const scaling = machine({ ...of, cpu: perWindow(0.006) });
  const found = await compareDevices(scaling.contenders);
  expect(found).toMatchObject({ kind: 'wasm', wasm: { seconds: 0.006, threads: 4 } });
  expect(scaling.open).toEqual({ now: 0, most: 1 });
  expect(comparisonWords(found)).toMatch(
    /6.00 ms on the CPU \(wasm, 4 threads\).* 1.7 times as fast/,
  );
  const poor = machine({ ...of, cpu: perWindow(0.019) });
  expect(await compareDevices(poor.contenders)).toMatchObject({ kind: 'webgpu' });
  // One thread is as fast here as in the other build: nothing else to time.
  const single = machine({ ...of, threads: 1 });
  expect(await compareDevices(single.contenders)).toMatchObject({ kind: 'webgpu' });
  expect(single.runs('cpu')).toEqual([]);
});

test('a CPU that beats the GPU with one thread needs no more of them', async () => {
  const { contenders, runs } = machine({
    webgpu: perWindow(0.05),
    oneThread: perWindow(0.02),
    threads: 4,
  });
  const found = await compareDevices(contenders);
  expect(found.kind).toBe('wasm');
  expect(runs('cpu')).toEqual([]);
  expect(comparisonWords(found)).toMatch(/the CPU \(wasm\) is at least 2.5 times as fast\.$/);
});

test('huge blocks run on fewer tokens, and a slow GPU on very few first', async () => {
  const large = machine({
    products: 6e7,
    webgpu: (tokens) => 1.2 * tokens,
    oneThread: (tokens) => tokens / 250,
  });
  const found = await compareDevices(large.contenders);
  expect([...new Set(large.log)]).toEqual(['oneThread 1x128', 'webgpu 1x8']);
  expect(large.runs('webgpu')).toHaveLength(2);
  expect(found).toMatchObject({ kind: 'wasm', webgpu: { tokens: 8 }, wasm: { tokens: 128 } });
  expect(comparisonWords(found)).toMatch(/^8 tokens .* 9.60 s on WebGPU, and 128 .* at least 19 t/);

  const huge = machine({
    products: 2e8,
    webgpu: (tokens) => 0.002 + tokens / 1e5,
    oneThread: (tokens) => tokens / 75,
  });
  expect(await compareDevices(huge.contenders)).toMatchObject({ kind: 'webgpu' });
  expect([...new Set(huge.log)]).toEqual(['oneThread 1x32', 'webgpu 1x8', 'webgpu 1x32']);
});

test('a side that fails loses, and the words say why', async () => {
  const lost = machine({
    webgpu: perWindow(0.001),
    oneThread: perWindow(0.002),
    broken: { webgpu: 1 },
  });
  const without = await compareDevices(lost.contenders);
  expect(without).toMatchObject({ kind: 'wasm', webgpu: null });
  expect(comparisonWords(without)).toBe(
    'A block of this model could not be timed on WebGPU (webgpu was lost). The model runs on the ' +
      'CPU (wasm).',
  );
  expect(lost.open.now).toBe(0);

  // What one build lacks the other has.
  const lacks = machine({
    webgpu: perWindow(0.009),
    cpu: perWindow(0.002),
    broken: { oneThread: 'open' },
  });
  expect(await compareDevices(lacks.contenders)).toMatchObject({ kind: 'wasm' });
  const neither = machine({
    webgpu: perWindow(0.009),
    broken: { oneThread: 'open', cpu: 'open' },
  });
  const alone = await compareDevices(neither.contenders);
  expect(alone).toMatchObject({ kind: 'webgpu', wasm: null });
  expect(comparisonWords(alone)).toMatch(/on the CPU \(wasm\) \(No cpu here\)\. .* on WebGPU\.$/);
});

test('it ends between two runs when it is cancelled, and frees what it holds', async () => {
  const abort = new AbortController();
  const { contenders, open, log } = machine({
    webgpu: never,
    oneThread(tokens) {
      if (log.length === 3) abort.abort();
      return perWindow(0.001)(tokens);
    },
  });
  const steps: number[][] = [];
  const comparing = compareDevices(contenders, {
    signal: abort.signal,
    onStep: (done, total) => steps.push([done, total]),
  });
  await expect(comparing).rejects.toMatchObject({ code: 'cancelled' });
  expect(log).toHaveLength(3);
  expect(open.now).toBe(0);
  expect(steps).toEqual([[0, 2]]);
});
