// The runtime room on WebGPU (SwiftShader) in Chromium: self-test, routes, goldens, cancel, loss of
// the device, verification.

import { readdirSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Browser, expect, type Page, test } from '@playwright/test';
import { createServer, type ViteDevServer } from 'vite';
import type { SourceData } from '../src/analysis/criteriaTable.ts';
import type { SelfTest } from '../src/contract/device.ts';
import type { EvaluateResult } from '../src/contract/evaluate.ts';
import type { MemoryEstimate } from '../src/contract/score.ts';
import type { RunSample, VariantInfo } from '../src/contract/variant.ts';
import type { Verification } from '../src/contract/verify.ts';
import type { QuantisedMeasure } from '../src/model/quantise/quantisation.ts';
import type { Generation } from '../src/runtime/decode/greedy.ts';
import { type Routes, routesOf } from '../src/runtime/device/selfTest.ts';
import type { Curve, SublayersCurve } from '../src/runtime/score/curve.ts';
import type { SearchOutcome } from '../src/runtime/search/iterative.ts';
import { type FixtureGolden, golden } from '../src/testing/fixtures.ts';
import type { RuntimeCall, ServedFolder } from './runtimeWorker.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Per-window numbers of the sample; made by tools/sample_golden.py. */
interface SampleGolden {
  windows: number[][];
  baseline_nll_per_sample: number[];
  prompt_ids: number[];
  generation: { removed: number[]; greedy_ids: number[] }[];
}

/** A row of golden/taylor.json, which says what each value is. */
interface TaylorGolden {
  loss: number;
  taylor: number[];
  taylorWithNorms: number[];
  gradNorm: number[];
  source: 'torch' | 'chain';
  tol: number;
}

interface Scored {
  curve: Curve;
  estimate: MemoryEstimate;
  peak: { weights: number; hidden: number };
  /** Bytes in the ledger after dispose. */
  left: number;
}

let server: ViteDevServer;
let page: Page;

// One after the other on one page; each stands for itself, so that a retry repeats one alone.
test.describe.configure({ mode: 'default' });

test.beforeAll(async ({ browser }) => {
  // A server of its own: the page of these checks is no part of the built site.
  server = await createServer({
    root: ROOT,
    logLevel: 'error',
    server: { host: '127.0.0.1', port: 0, hmr: false, watch: null },
  });
  await server.listen();
  page = await checksPage(browser);
});

test.afterAll(async () => {
  await page?.close();
  await server?.close();
});

async function checksPage(browser: Browser): Promise<Page> {
  const opened = await browser.newPage();
  await opened.goto(new URL('e2e/runtime.html', server.resolvedUrls?.local[0]).href);
  await opened.waitForFunction(() => 'runtimeCheck' in window);
  return opened;
}

function call<T>(request: RuntimeCall, on = page): Promise<T> {
  return on.evaluate((r) => window.runtimeCheck(r), request) as Promise<T>;
}

function filesBelow(folder: string, path = ''): { path: string; size: number }[] {
  return readdirSync(`${folder}/${path}`).flatMap((name) => {
    const below = path ? `${path}/${name}` : name;
    const stat = statSync(`${folder}/${below}`);
    return stat.isDirectory() ? filesBelow(folder, below) : [{ path: below, size: stat.size }];
  });
}

function fixture(name: string): ServedFolder {
  const files = filesBelow(`${ROOT}e2e/fixtures/${name}`);
  return {
    base: `/e2e/fixtures/${name}`,
    files,
    graph: files.find((file) => file.path.endsWith('.onnx'))?.path ?? '',
  };
}

const sample: ServedFolder = {
  base: '/sample',
  files: filesBelow(`${ROOT}public/sample`),
  graph: 'onnx/model.onnx',
};
const sampleGolden = golden<SampleGolden>('sample');

function largestDifference(a: readonly number[], b: readonly number[]): number {
  expect(a.length).toBe(b.length);
  return Math.max(...a.map((value, k) => Math.abs(value - (b[k] ?? Number.NaN))));
}

test('the self-test finds the subgroup fault of this device and takes the right route', async () => {
  const {
    test: result,
    routes,
    key,
  } = await call<{ test: SelfTest; routes: Routes; key: string }>({ check: 'self-test' });
  const check = (name: string) => result.checks.find((c) => c.name === name);
  expect(check('attention')).toMatchObject({ ok: true });
  expect(check('attention with subgroups')).toMatchObject({ ok: false });
  expect(check('attention with subgroups')?.maxError).toBeGreaterThan(0.01);
  expect(check('soft cap')).toMatchObject({ ok: false });
  expect(routes).toEqual({ usable: true, subgroups: false, softcap: false });
  expect(result.passed).toBe(true);
  expect(result.routes).toContain('device without subgroups');
  expect(key).toContain('1.30.0');
});

test('a fault in product, attention or likelihood alone takes the GPU out of use', async () => {
  const faults = ['product', 'attention', 'likelihood'] as const;
  const { test: result, routes } = await call<{ test: SelfTest; routes: Routes }>({
    check: 'self-test',
    faults,
  });
  expect(routes.usable).toBe(false);
  expect(result.passed).toBe(false);
  for (const fault of faults) {
    expect(result.checks.find(({ name }) => name === fault)).toMatchObject({ ok: false });
    const alone = result.checks.map((check) => ({ ...check, ok: check.name !== fault }));
    expect(routesOf(alone).usable).toBe(false);
  }
  expect(routesOf(result.checks.map((check) => ({ ...check, ok: true }))).usable).toBe(true);
});

test('with subgroups the sample is wrong without an error, without them it is the golden', async () => {
  const [window = []] = sampleGolden.windows;
  const nll = (subgroups: boolean) => {
    const what = { check: 'nll', device: 'webgpu', subgroups, window } as const;
    return call<{ values: number[] }>({ ...sample, ...what, removed: [] }).then((r) => r.values);
  };
  const right = await nll(false);
  const mean = right.reduce((sum, value) => sum + value) / right.length;
  expect(Math.abs(mean - sampleGolden.baseline_nll_per_sample[0]!)).toBeLessThan(1e-4);
  expect(largestDifference(right, await nll(true))).toBeGreaterThan(0.01);
});

test('an evaluation compares model and plan on the device as on wasm, whole and in pieces', async () => {
  const windows = sampleGolden.windows.slice(0, 2).map((window) => window.slice(0, 12));
  const evaluate = (device: 'wasm' | 'webgpu', budgetBytes?: number) =>
    call<{ result: EvaluateResult; left: number }>({
      check: 'evaluate',
      ...sample,
      device,
      windows,
      removed: [7, '9.attn'],
      ...(budgetBytes === undefined ? {} : { budgetBytes }),
    });
  const { result: right } = await evaluate('wasm');
  for (const budgetBytes of [undefined, 6 * 2 ** 20]) {
    const { result, left } = await evaluate('webgpu', budgetBytes);
    expect(result.device.kind).toBe('webgpu');
    expect(Math.abs(result.original.nll - right.original.nll)).toBeLessThan(1e-4);
    expect(Math.abs((result.plan?.nll ?? Number.NaN) - (right.plan?.nll ?? 0))).toBeLessThan(1e-4);
    expect(Math.abs((result.klDivergence ?? Number.NaN) - (right.klDivergence ?? 0))).toBeLessThan(
      1e-4,
    );
    expect(result.top1Agreement).toBeCloseTo(right.top1Agreement ?? 0, 2);
    expect(left).toBe(0);
  }
});

for (const name of [
  'optimum-llama-fp32',
  'optimum-gemma3-fp32',
  'genai-qwen3-fp32-webgpu',
  'genai-lfm2-fp32-cpu',
  'dynamo-llama-op23',
]) {
  test(`${name} hits the goldens of every window`, async () => {
    const expected = golden(name);
    const { curve, left } = await call<Scored>({
      check: 'score',
      ...fixture(name),
      device: 'webgpu',
      windows: expected.windows,
    });
    expect(
      largestDifference(curve.baseline.nllPerWindow, expected.baseline?.nllPerWindow ?? []),
    ).toBeLessThan(1e-4);
    for (const block of expected.blocks ?? [])
      if (block.refused === undefined)
        expect(
          largestDifference(curve.blocks[block.index]?.nllPerWindow ?? [], block.nllPerWindow),
        ).toBeLessThan(1e-4);
    expect(left).toBe(0);
  });
}

interface Differentiated {
  found: SourceData['taylor'];
  gradNorm: number[];
  left: number;
}

interface Trained {
  losses: number[];
  heldOut: number[];
  norms: number[];
  left: number;
}

/** Relative. */
function farthest(found: readonly number[], wanted: readonly number[]): number {
  expect(found.length).toBe(wanted.length);
  return Math.max(...wanted.map((value, k) => Math.abs((found[k] ?? Number.NaN) / value - 1)));
}

// float32 and float16 widened, 4 bits, windows with a soft cap, a short convolution.
for (const name of [
  'optimum-gemma3-fp32',
  'genai-qwen3-fp32-webgpu',
  'genai-llama-int4-webgpu',
  'genai-lfm2-fp32-cpu',
  'genai-llama-fp16-webgpu',
]) {
  test(`the gradients of ${name} on the GPU are those of the golden`, async () => {
    const row = golden<{ fixtures: Record<string, TaylorGolden> }>('taylor').fixtures[name]!;
    const { found, gradNorm, left } = await call<Differentiated>({
      check: 'taylor',
      ...fixture(name),
      device: 'webgpu',
      windows: golden(name).windows,
    });
    expect(Math.abs(found.loss - row.loss)).toBeLessThan(row.source === 'chain' ? 1e-4 : 1e-5);
    expect(farthest(gradNorm, row.gradNorm)).toBeLessThan(row.tol);
    expect(farthest(found.linear.block, row.taylor)).toBeLessThan(row.tol);
    expect(farthest(found.withNorms.block, row.taylorWithNorms)).toBeLessThan(row.tol);
    expect(left).toBe(0);
  });
}

test('the Taylor scores of the sample on the GPU, streamed in parts, are those of wasm', async () => {
  const windows = sampleGolden.windows.slice(0, 1).map((window) => window.slice(0, 16));
  const taylor = (device: 'wasm' | 'webgpu', budgetBytes?: number) =>
    call<Differentiated>({
      check: 'taylor',
      ...sample,
      device,
      windows,
      ...(budgetBytes && { budgetBytes }),
    });
  const right = await taylor('wasm');
  const onGpu = await taylor('webgpu', 8e6);
  expect(farthest(onGpu.found.linear.block, right.found.linear.block)).toBeLessThan(1e-5);
  expect(farthest(onGpu.gradNorm, right.gradNorm)).toBeLessThan(1e-5);
  expect(onGpu.left).toBe(0);
});

/** Of adapters in 4 bits towards the original; of stored weights, streamed. */
const TRAININGS = [
  { name: 'genai-llama-int4-webgpu', method: 'lora', kl: 1, budgetBytes: null },
  { name: 'optimum-llama-fp32', method: 'full', kl: 0.5, budgetBytes: 2.2e6 },
] as const;
for (const { name, method, kl, budgetBytes } of TRAININGS) {
  test(`five steps of training on the GPU are those of wasm (${name})`, async () => {
    const trained = (device: 'wasm' | 'webgpu') =>
      call<Trained>({
        ...{ check: 'train', ...fixture(name), device, removed: [2], heldOut: 1 },
        windows: golden(name).windows,
        ...(budgetBytes && { budgetBytes }),
        settings: {
          ...{ method, kl, steps: 5, batch: 2, length: 24, rate: 5e-3, warmup: 2 },
          ...{ schedule: 'cosine', weightDecay: 0.01, maxNorm: 1, seed: 1, order: 'shuffled' },
          ...{ heldOutEvery: 5, rank: 4, alpha: 8, dropout: 0.1, matrices: 'split' },
          ...{ blocks: 2, norms: true, head: false },
        },
      });
    const right = await trained('wasm');
    const onGpu = await trained('webgpu');
    expect(right.losses).toHaveLength(5);
    expect(farthest(onGpu.losses, right.losses)).toBeLessThan(1e-4);
    expect(farthest(onGpu.norms, right.norms)).toBeLessThan(1e-3);
    expect(farthest(onGpu.heldOut, right.heldOut)).toBeLessThan(1e-4);
    expect(onGpu.left).toBe(0);
  });
}

interface Refit {
  products: { before: number; after: number }[];
  matrices: number[][];
  left: number;
}

// A float matrix, and one of 4 bits.
for (const name of ['genai-qwen3-fp32-webgpu', 'genai-llama-int4-webgpu']) {
  test(`the refit of ${name} on the GPU is that of wasm`, async () => {
    const { windows } = golden(name);
    const refit = (device: 'wasm' | 'webgpu') =>
      call<Refit>({ check: 'refit', ...fixture(name), device, windows, removed: [1, '3.ffn'] });
    const right = await refit('wasm');
    const onGpu = await refit('webgpu');
    expect(onGpu.products.length).toBe(4);
    for (const [k, { before, after }] of onGpu.products.entries()) {
      const other = right.products[k]!;
      expect(after).toBeLessThan(before);
      expect(Math.abs(before / other.before - 1)).toBeLessThan(1e-4);
      expect(Math.abs(after - other.after) / before).toBeLessThan(1e-4);
      const most = Math.max(...right.matrices[k]!.map(Math.abs));
      const off = right.matrices[k]!.map((value, at) => Math.abs(value - onGpu.matrices[k]![at]!));
      expect(Math.max(...off) / most).toBeLessThan(1e-3);
    }
    expect(onGpu.left).toBe(0);
  });
}

test('the sample scores as on wasm, in the memory that was said', async () => {
  const windows = sampleGolden.windows.slice(0, 1).map((window) => window.slice(0, 16));
  const score = (device: 'wasm' | 'webgpu') =>
    call<Scored>({ check: 'score', ...sample, windows, device, own: true });
  const { curve: right } = await score('wasm');
  const scored = await score('webgpu');
  expect(Math.abs(scored.curve.baseline.nll - right.baseline.nll)).toBeLessThan(1e-4);
  for (const { index, nll } of scored.curve.blocks)
    expect(Math.abs(nll - right.blocks[index]!.nll)).toBeLessThan(1e-4);
  const { peak, estimate, left } = scored;
  expect(Math.abs(peak.weights / estimate.weights - 1)).toBeLessThan(0.2);
  expect(Math.abs(peak.hidden / estimate.hiddenStates - 1)).toBeLessThan(0.2);
  expect(left).toBe(0);
});

test('streamed scoring is that of resident weights, bit by bit; interrupted, it goes on; parts, a search', async () => {
  const name = 'optimum-llama-fp32';
  const { windows, blocks, units } = golden<
    FixtureGolden & { units: { attn: number[]; ffn: number[] } }
  >(name);
  const n = blocks?.length ?? 0;
  const gpu = { ...fixture(name), device: 'webgpu', windows, own: true } as const;
  const full = await call<Scored>({ check: 'score', ...gpu });
  const budgetBytes = full.peak.weights * 0.6;
  const streamed = await call<Scored>({ check: 'score', ...gpu, budgetBytes });
  expect(streamed.estimate.streaming).toBe(true);
  expect(streamed.estimate.total).toBeLessThanOrEqual(budgetBytes);
  expect(streamed.curve.baseline).toEqual(full.curve.baseline);
  expect(streamed.curve.blocks).toEqual(full.curve.blocks);
  expect(Math.abs(streamed.peak.weights / streamed.estimate.weights - 1)).toBeLessThan(0.2);
  expect(streamed.left).toBe(0);
  const found = await call<{
    stopped: boolean;
    done: number;
    resumed: { curve: Curve; blocks: number };
    cleared: boolean;
    parts: SublayersCurve;
    search: SearchOutcome;
    left: number;
  }>({ check: 'resume', ...fixture(name), device: 'webgpu', windows, budgetBytes, stopAfter: 8 });
  expect(found).toMatchObject({ stopped: true, cleared: true, left: 0, done: 8 });
  expect(found.resumed.blocks).toBe((n * (n + 1)) / 2 - 8);
  expect(found.resumed.curve.blocks).toEqual(streamed.curve.blocks);
  expect(found.resumed.curve.hidden).toEqual(streamed.curve.hidden);
  expect(found.parts.parts.length).toBe(2 * n);
  for (const [k, { nll }] of found.parts.parts.entries())
    expect(Math.abs(nll - ((k % 2 ? units.ffn : units.attn)[k >> 1] ?? Number.NaN))).toBeLessThan(
      1e-4,
    );
  expect(found.search.steps[0]).toMatchObject({ block: streamed.curve.order[0] });
  expect(found.search.steps.length).toBe(2);
});

test('a float16 graph is widened on this device, which has no shader-f16', async () => {
  const name = 'genai-llama-fp16-webgpu';
  const expected = golden(name);
  const { curve, left } = await call<Scored>({
    check: 'score',
    ...fixture(name),
    device: 'webgpu',
    windows: expected.windows,
  });
  expect(
    largestDifference(curve.baseline.nllPerWindow, expected.baseline?.nllPerWindow ?? []),
  ).toBeLessThan(2e-3);
  expect(left).toBe(0);
});

test('cancel acts before the next block run and frees everything', async () => {
  const windows = sampleGolden.windows.slice(0, 2);
  const stopped = await call({
    check: 'score',
    ...sample,
    device: 'webgpu',
    windows,
    stopAfter: { blocks: 3, by: 'cancel' },
  });
  expect(stopped).toMatchObject({ code: 'cancelled', left: 0, runsAfterStop: 0 });
});

test('a device that is lost in the middle is said to be lost', async () => {
  const windows = [sampleGolden.windows[0]?.slice(0, 32) ?? []];
  const stopped = await call({
    check: 'score',
    ...sample,
    device: 'webgpu',
    own: true,
    windows,
    stopAfter: { blocks: 3, by: 'loss' },
  });
  expect(stopped).toMatchObject({ code: 'device-lost' });
});

test('a weight above the buffer limit is refused with both sizes', async () => {
  expect(await call({ check: 'limits' })).toMatchObject({
    code: 'too-large',
    message: expect.stringMatching(/lm_head.*at most/),
  });
});

test('an operator without a kernel is named, and the device goes on working', async () => {
  const result = await call<{ broken: { code: string; message: string }; next: null }>({
    check: 'bad-program',
  });
  expect(result.broken.code).toBe('unsupported-op');
  expect(result.broken.message).toContain('GroupQueryAttentioX');
  expect(result.next).toBeNull();
});

test('an export that no CPU can run is verified on WebGPU', async () => {
  const window = golden('genai-qwen3-fp32-webgpu').windows[0] ?? [];
  const verification = await call<Verification>({
    check: 'verify',
    ...fixture('genai-qwen3-fp32-webgpu'),
    device: 'webgpu',
    window,
    removed: [2],
  });
  expect(verification.checks.filter((check) => !check.ok)).toEqual([]);
  expect(verification.status).toBe('verified');
});

interface Decoded {
  ways: Record<
    'own' | 'growing' | 'pieces' | 'none',
    { kind: string; bytes: number; runs: Generation[] }
  >;
  rows: number[][];
  left: number;
}

// Caches that are past and present at once, the same beside states of fixed size, caches in turns,
// and attention that runs on the CPU provider.
for (const [name, kind] of [
  ['genai-qwen3-fp32-webgpu', 'static'],
  ['genai-lfm2-fp32-cpu', 'static'],
  ['optimum-llama-fp32', 'growing'],
  ['dynamo-llama-op23', 'growing'],
] as const) {
  test(`${name} decodes the golden ids on WebGPU, whatever its caches`, async () => {
    const want = golden(name).pruned.find(
      ({ refused, greedy, removed }) => refused === undefined && greedy && removed.length > 0,
    );
    const { removed = [], promptIds: prompt = [], greedy = [], greedyMargins = [] } = want ?? {};
    const request = {
      check: 'decode',
      ...fixture(name),
      device: 'webgpu',
      removed,
      prompt,
      steps: greedy.length,
    } as const;
    const { ways, rows, left } = await call<Decoded>(request);
    const close = greedyMargins.findIndex((margin) => margin < 1e-3);
    const expected = close < 0 ? greedy : greedy.slice(0, close);
    expect(expected.length).toBeGreaterThan(3);
    const reference = ways.own.runs[0]?.margins ?? [];
    for (const { runs } of Object.values(ways))
      for (const { ids, margins } of runs) {
        expect(ids.slice(0, expected.length)).toEqual(expected.slice(0, ids.length));
        expect(largestDifference(reference.slice(0, margins.length), margins)).toBeLessThan(1e-3);
      }
    expect([ways.own.kind, ways.growing.kind, ways.none.kind]).toEqual([kind, 'growing', 'none']);
    if (kind === 'static') expect(ways.own.bytes).toBeLessThan(ways.growing.bytes);
    const once = expected.slice(0, 2).map((id) => [id, id, id]);
    expect(rows).toEqual([...once, ...once]);
    expect(left).toBe(0);
  });
}

test('a device that is lost while decoding is said to be lost, also to the next run', async () => {
  const prompt = [5, 6, 7];
  const lost = await call({
    check: 'decode-lost',
    ...fixture('genai-qwen3-fp32-webgpu'),
    device: 'webgpu',
    own: true,
    prompt,
  });
  expect(lost).toMatchObject({ step: { code: 'device-lost' }, again: { code: 'device-lost' } });
});

interface Loaded {
  info: VariantInfo;
  sample: RunSample;
  left: number;
}

test('a variant streams Blobs to the GPU, runs, and leaves nothing in the ledger', async () => {
  const name = 'genai-qwen3-fp32-webgpu';
  const {
    removed,
    promptIds: prompt,
    greedy = [],
  } = golden(name).pruned.find((entry) => entry.removed.join() === '4') ?? {
    removed: [],
    promptIds: [],
  };
  const request = {
    check: 'variant',
    ...fixture(name),
    removed,
    prompt,
    tokens: 6,
    cycles: 2,
    graphCapture: true,
  } as const;
  for (const { info, sample: run, left } of await call<Loaded[]>(request)) {
    expect(info).toMatchObject({
      device: { kind: 'webgpu' },
      runtime: 'onnxruntime-web 1.30.0 (jspi)',
      cache: 'static',
      numBlocks: 4,
      graphCapture: false,
    });
    // The mask's integer operators are on the CPU: the try of graph capture is refused, and the
    // plain path still runs.
    expect(info.notes).toEqual([
      expect.stringMatching(
        /not used: ONNX Runtime says .*partitioned to the WebGpuExecutionProvider/,
      ),
    ]);
    expect(run.ids).toEqual(greedy.slice(0, 6));
    // Weights, caches, and less than a megabyte of logits and readback.
    expect(run.deviceBytes).toBeGreaterThan(info.fileBytes * 0.9);
    expect(run.deviceBytes).toBeLessThan(info.fileBytes + 2 ** 20);
    expect(left).toBe(0);
  }
});

test('what a quantisation loses is the same on the device as on wasm', async () => {
  const windows = [sampleGolden.windows[0]!.slice(0, 12)];
  const measure = (device: 'wasm' | 'webgpu') =>
    call<{ measured: QuantisedMeasure; left: number }>({
      ...{ check: 'quantised', ...sample, device, windows, removed: [7] },
      quantise: { method: 'hqq', embedding: 8, head: 8 },
    });
  const [wasm, gpu] = [await measure('wasm'), await measure('webgpu')];
  const [right, found] = [wasm.measured.quantised, gpu.measured.quantised];
  expect(Math.abs(found.nll - right.nll)).toBeLessThan(1e-4);
  expect(Math.abs(found.klDivergence! - right.klDivergence!)).toBeLessThan(1e-4);
  expect(found.nll).not.toBe(gpu.measured.pruned?.nll);
  expect([wasm.left, gpu.left]).toEqual([0, 0]);
});

test('without JSPI the asyncify build gives the same numbers', async ({ browser }) => {
  const window = sampleGolden.windows[0]?.slice(0, 32) ?? [];
  // A worker that has lost JSPI does not get it back.
  const own = await checksPage(browser);
  const nll = (asyncify: boolean) => {
    const what = { check: 'nll', device: 'webgpu', own: true, window, asyncify } as const;
    return call<{ build: string; values: number[] }>({ ...sample, ...what, removed: [3] }, own);
  };
  const [jspi, asyncify] = [await nll(false), await nll(true)];
  await own.close();
  expect([jspi.build, asyncify.build]).toEqual(['jspi', 'asyncify']);
  expect(largestDifference(jspi.values, asyncify.values)).toBeLessThan(1e-5);
});
