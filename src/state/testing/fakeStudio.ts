// A stand-in for the studio worker with the sample's golden numbers, delays and errors on demand; for tests, never in the app.

import { EspalierError } from '../../errors.ts';
import type { Identity } from '../../model/identity.ts';
import type { ModelSummary } from '../../model/summary.ts';
import { blockOf, blocksLeft } from '../../units.ts';
import type { BlockScore, DeviceReport, ExportResult, Measure, PlanResult, ScoreResult, StudioApi } from '../../worker/api.ts';
import type { VariantInfo } from '../../worker/benchApi.ts';

/** The part of golden/sample.json that the stand-in plays back. */
export interface SampleNumbers {
  windows: number[][];
  baseline_nll_per_sample: number[];
  loo_nll_per_sample: number[][];
  ppl_order: number[];
}

export interface FakeOptions {
  /** Wait of each step of a job, in ms. */
  stepMs?: number;
  /** Blocks of the model; beyond the golden's 16 the numbers repeat. */
  numBlocks?: number;
  /** open() answers with a choice first. */
  severalGraphs?: boolean;
  provenance?: string | null;
  /** True unless told. */
  hasTokenizer?: boolean;
  /** `ok` unless told. */
  chat?: VariantInfo['chat'];
  adjust?(summary: ModelSummary): ModelSummary;
}

export interface FakeStudio {
  api: StudioApi;
  /** The next call of this name throws. */
  failNext(name: keyof StudioApi, error: EspalierError): void;
  calls: { name: keyof StudioApi; args: readonly unknown[] }[];
}

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

function measure(perWindow: readonly number[]): Measure {
  const nll = mean(perWindow);
  return { nll, ppl: Math.exp(nll), nllPerWindow: [...perWindow] };
}

/** Normal approximation: close enough to a bootstrap for a stand-in. */
function interval(base: readonly number[], without: readonly number[]): [number, number] {
  const d = without.map((value, i) => value - base[i]!);
  const m = mean(d);
  const half = (1.96 * Math.sqrt(mean(d.map((x) => (x - m) ** 2)))) / Math.sqrt(d.length - 1);
  return [m - half, m + half];
}

function sampleSummary(numBlocks = 16): ModelSummary {
  const attention = { params: 49_280, bytes: 197_120 };
  const feedForward = { params: 123_008, bytes: 492_032 };
  return {
    name: 'sample',
    family: 'llama',
    exporter: 'onnxruntime-genai model builder',
    layout: 'transformers.js',
    graph: 'onnx/model.onnx',
    dtype: 'fp32',
    nodes: 240,
    numBlocks,
    blocks: Array.from({ length: numBlocks }, (_, index) => ({
      index,
      class: 0,
      hasHalves: true,
      params: 172_288,
      bytes: 689_152,
      attention,
      feedForward,
      kvBytesPerToken: 512,
    })),
    embedding: { params: 262_144, bytes: 1_048_576 },
    head: { params: 128, bytes: 512, tied: true },
    params: 262_272 + numBlocks * 172_288,
    bytes: 1_203_865 + numBlocks * 689_152,
    kvBytesPerToken: 512 * numBlocks,
    otherStates: [],
    cuts: [],
    midCuts: [],
    sideValues: [],
    hiddenSize: 128,
    vocabSize: 2048,
    contextLength: 512,
    canScore: true,
    problems: [],
  };
}

const FAKE_DEVICE: DeviceReport = {
  preferred: 'wasm',
  webgpu: true,
  adapter: 'google swiftshader',
  reason: 'the adapter is a software device',
  features: [],
  maxBufferBytes: 2 ** 30,
  selfTest: {
    passed: true,
    checks: [
      { name: 'grouped-query attention, 64 tokens', ok: true, maxError: 4.8e-6, note: 'without subgroups' },
      { name: 'grouped-query attention with subgroups', ok: false, maxError: 0.38, note: 'wrong from row 4 on; the feature stays off' },
    ],
    routes: ['device without subgroups'],
    seconds: 0.8,
  },
};

export const FAKE_IDENTITY: Identity = { graph: 'onnx/model.onnx', graphSha256: 'aa', files: [], weightsSha256: 'bb' };

export function createFakeStudio(numbers: SampleNumbers, options: FakeOptions = {}): FakeStudio {
  const { stepMs = 0, numBlocks = 16 } = options;
  const failures = new Map<keyof StudioApi, EspalierError>();
  const calls: FakeStudio['calls'] = [];
  let stopped = 0;
  let planTurn = 0;
  const base = numbers.baseline_nll_per_sample;
  const without = (index: number) => numbers.loo_nll_per_sample[index % 16]!;

  async function step(started: number): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, stepMs));
    if (stopped !== started) throw new EspalierError('cancelled', 'Cancelled.');
  }

  function begin(name: keyof StudioApi, args: readonly unknown[]): number {
    calls.push({ name, args });
    const failure = failures.get(name);
    failures.delete(name);
    if (failure) throw failure;
    return stopped;
  }

  const blockScore = (index: number): BlockScore => ({ index, ...measure(without(index)), ci95: interval(base, without(index)) });

  const api: StudioApi = {
    async open(request) {
      const started = begin('open', [request]);
      await step(started);
      if (options.severalGraphs && request.graph === undefined) {
        const graphs = [
          { path: 'onnx/model.onnx', dtype: 'fp32', bytes: 12_230_433 },
          { path: 'onnx/model_q4.onnx', dtype: 'q4', bytes: 2_085_723 },
        ];
        return { kind: 'choose', name: request.source.name, graphs };
      }
      const summary = { ...sampleSummary(numBlocks), name: request.source.name, graph: request.graph ?? 'onnx/model.onnx' };
      return {
        kind: 'opened',
        model: options.adjust?.(summary) ?? summary,
        provenance: options.provenance ?? null,
        hasTokenizer: options.hasTokenizer ?? true,
        chat: options.chat ?? 'ok',
      };
    },
    async device() {
      begin('device', []);
      return FAKE_DEVICE;
    },
    async memory(settings) {
      begin('memory', [settings]);
      const hiddenStates = settings.samples * settings.length * 128 * 4 * (numBlocks + 1) * 2;
      return {
        weights: 12_000_000,
        hiddenStates,
        scratch: 4_000_000,
        logits: 10_000_000,
        total: 26_000_000 + hiddenStates,
        largestBuffer: hiddenStates,
      };
    },
    async score(settings, onEvent) {
      const started = begin('score', [settings]);
      const total = (numBlocks * (numBlocks + 1)) / 2;
      onEvent({ type: 'started', device: { kind: 'wasm', name: 'WebAssembly' }, windows: settings.samples });
      const blocks: BlockScore[] = [];
      for (let index = 0, done = 0; index < numBlocks; index++) {
        await step(started);
        if (index === 1) onEvent({ type: 'baseline', baseline: measure(base) });
        blocks.push(blockScore(index));
        onEvent({ type: 'block', block: blocks[index]! });
        done += index + 1;
        const secondsLeft = ((numBlocks - index - 1) * stepMs) / 1000;
        onEvent({ type: 'progress', progress: { job: 'score', phase: 'score', done, total, unit: 'blocks', secondsLeft } });
      }
      const order = blocks.map((block) => block.index).sort((a, b) => blocks[a]!.nll - blocks[b]!.nll);
      return {
        baseline: measure(base),
        blocks,
        order,
        windows: numbers.windows,
        settings: {
          text: 'bundled',
          textSha256: '00',
          samples: settings.samples,
          length: settings.length,
          sampler: settings.sampler,
          seed: settings.seed,
          bos: 'none',
        },
        device: { kind: 'wasm', name: 'WebAssembly' },
        selfTest: FAKE_DEVICE.selfTest,
        rewrites: [],
        seconds: 4.5,
        costRatio: 1.08,
      } satisfies ScoreResult;
    },
    async useWindows(windows, device) {
      begin('useWindows', [windows, device]);
    },
    async identity() {
      begin('identity', []);
      return FAKE_IDENTITY;
    },
    async plan(removed): Promise<PlanResult> {
      const started = begin('plan', [removed]);
      const mine = ++planTurn;
      await step(started);
      if (mine !== planTurn) throw new EspalierError('cancelled', 'Cancelled.');
      // Losses add up, roughly: exact for one block.
      const perWindow = base.map(
        (nll, w) =>
          nll + removed.reduce<number>((sum, unit) => sum + (without(blockOf(unit))[w]! - nll) / (typeof unit === 'number' ? 1 : 2), 0),
      );
      return { ...measure(perWindow), removed, seconds: 0.3 };
    },
    async export(request, onEvent): Promise<ExportResult> {
      const started = begin('export', [request]);
      const bytes = 1_203_865 + blocksLeft(numBlocks, request.removed) * 689_152;
      for (let i = 1; i <= 4; i++) {
        await step(started);
        onEvent({
          job: 'export',
          phase: i < 4 ? 'write' : 'verify',
          done: (bytes * i) / 4,
          total: bytes,
          unit: 'bytes',
          secondsLeft: null,
        });
      }
      return {
        name: request.name,
        files: [{ path: 'onnx/model.onnx', bytes }],
        bytes,
        seconds: 1.2,
        leftOut: ['onnx/model_q4.onnx'],
        blob: request.target.kind === 'zip-blob' ? new Blob(['zip']) : null,
        verification: {
          status: 'verified',
          checks: [{ name: 'NLL of one window', ok: true, detail: '3.8672 written, 3.8672 in the studio, 2.1e-7 relative' }],
          device: 'WebAssembly',
          seconds: 0.4,
        },
      };
    },
    async release() {},
    async cancel() {
      calls.push({ name: 'cancel', args: [] });
      stopped++;
    },
  };
  return { api, calls, failNext: (name, error) => void failures.set(name, error) };
}
