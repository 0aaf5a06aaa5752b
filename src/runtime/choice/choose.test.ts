// The choice for a real model in Node: what is read for it, what is remembered, what decides before
// anything is timed. A second CPU engine stands in for the GPU.

import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DeviceChoice } from '../../contract/device.ts';
import { EspalierError } from '../../errors.ts';
import { type OpenedModel, openModel } from '../../model/open/open.ts';
import { makeScorePrograms } from '../../model/programs/programs.ts';
import type { CountingFolder } from '../../node/folder.ts';
import { openFolder } from '../../node/testing/openFolder.ts';
import { fixturePath } from '../../testing/fixtures.ts';
import { nodeLoader } from '../device/ort.node.ts';
import type { OrtLoader, WasmBuild } from '../device/ort.ts';
import { openWasm } from '../device/wasmEngine.ts';
import { type ChoiceRequest, chooseDevice } from './choose.ts';

let folder: CountingFolder;
let opened: OpenedModel;

beforeAll(async () => {
  folder = await openFolder(fixturePath('optimum-llama-nokv'));
  opened = await openModel(folder, 'onnx/model.onnx');
});

afterAll(() => folder.close());

function setUp(fields: Partial<ChoiceRequest> = {}) {
  const stored = new Map<string, string>();
  const loads: WasmBuild[] = [];
  const gpus = { opened: 0 };
  const loader: OrtLoader = {
    load(build) {
      loads.push(build);
      return nodeLoader.load('plain');
    },
    gpu: async () => null,
  };
  const request: ChoiceRequest = {
    opened,
    programs: makeScorePrograms(opened, { device: 'webgpu' }),
    loader,
    adapter: {
      name: 'a GPU',
      features: ['shader-f16'],
      maxBufferBytes: 2 ** 31,
      isSoftware: false,
    },
    async openGpu() {
      gpus.opened += 1;
      return openWasm(nodeLoader);
    },
    memory: {
      recall: async (key) => JSON.parse(stored.get(key) ?? 'null') as unknown,
      remember: async (key, choice) => void stored.set(key, JSON.stringify(choice)),
    },
    ...fields,
  };
  return { request, stored, loads, gpus };
}

test('one block is read and timed on each side, once for a structure and a machine', async () => {
  const { request, stored, loads, gpus } = setUp();
  const steps: number[] = [];
  const onProgress: ChoiceRequest['onProgress'] = ({ phase, done }) => {
    expect(phase).toBe('device');
    steps.push(done);
  };
  const before = folder.bytesRead();
  const choice = await chooseDevice({ ...request, onProgress });
  const largest = Math.max(...opened.summary.blocks.map(({ bytes }) => bytes));
  const read = folder.bytesRead() - before;
  expect(read).toBeGreaterThan(largest);
  expect(read).toBeLessThan(2.5 * largest);
  expect(choice.measured?.webgpu.seconds).toBeGreaterThan(0);
  expect(choice.measured?.wasm).toMatchObject({ tokens: 128, threads: 1 });
  expect(choice.whole).toBe(choice.kind);
  // With one thread the plain build could not say more than the one that is there.
  expect(loads).toEqual(['asyncify']);
  expect(steps).toEqual([0, 1, 2, 2]);
  expect([gpus.opened, stored.size]).toEqual([1, 1]);

  expect(await chooseDevice(request)).toEqual(choice);
  expect([gpus.opened, folder.bytesRead() - before]).toEqual([1, read]);
  const threaded: OrtLoader = { ...request.loader, mostThreads: () => 4 };
  await chooseDevice({ ...request, loader: threaded });
  await chooseDevice({ ...request, adapter: { ...request.adapter, name: 'another' } });
  expect([gpus.opened, stored.size]).toEqual([3, 3]);
});

test('what is remembered is read with care', async () => {
  const { request, gpus } = setUp();
  const recalled = (value: unknown) =>
    chooseDevice({ ...request, memory: { recall: async () => value, remember: async () => {} } });
  const measured = { webgpu: { seconds: 2, tokens: 128 }, wasm: { seconds: 1, tokens: 128 } };
  const kept: DeviceChoice = { kind: 'wasm', whole: 'wasm', reason: 'Slow.', measured };
  expect(await recalled(kept)).toEqual(kept);
  expect(gpus.opened).toBe(0);
  for (const value of [{ ...kept, kind: 'tpu' }, { ...kept, measured: null }, 'webgpu', 7])
    expect((await recalled(value)).reason).not.toBe('Slow.');
  expect(gpus.opened).toBe(4);
});

test('a GPU that fails loses, and is asked again the next time', async () => {
  const { request, stored } = setUp({
    openGpu: () => Promise.reject(new EspalierError('device-lost', 'The GPU was lost.')),
  });
  const choice = await chooseDevice(request);
  expect(choice).toMatchObject({ kind: 'wasm', measured: null });
  expect(choice.reason).toContain('could not be timed on WebGPU (The GPU was lost)');
  expect(stored.size).toBe(0);
});

test('the device that has room is taken before anything is timed', async () => {
  const { request, gpus } = setUp();
  // Buffers this small make a GPU of a few kilobytes.
  const small = { ...request.adapter, maxBufferBytes: 4096 };
  const choice = await chooseDevice({ ...request, adapter: small });
  expect(choice).toMatchObject({ kind: 'wasm', measured: null });
  expect(choice.reason).toMatch(
    /^This model has no room on WebGPU: .* runs on the CPU \(wasm\)\.$/,
  );
  // Room for one block at a time, but not for all weights.
  const tight = { ...request.adapter, maxBufferBytes: tightBuffer() };
  const streaming = await chooseDevice({ ...request, adapter: tight });
  expect(streaming.reason).toContain('from the files again and again on WebGPU');
  expect(gpus.opened).toBe(0);
  // A software adapter's memory is the CPU's: there, time decides.
  await chooseDevice({ ...request, adapter: { ...tight, isSoftware: true } });
  expect(gpus.opened).toBe(1);
});

/** Six of these, 70 % of them, are fewer than the weights and more than what streaming needs. */
const tightBuffer = (): number => Math.floor((0.9 * opened.summary.bytes) / (6 * 0.7));

test('it ends when it is cancelled, with the GPU unopened', async () => {
  const abort = new AbortController();
  abort.abort();
  const { request, gpus } = setUp({ signal: abort.signal });
  await expect(chooseDevice(request)).rejects.toMatchObject({ code: 'cancelled' });
  expect(gpus.opened).toBe(0);
});
