// A stand-in for the studio worker with the sample's golden numbers, delays and errors on demand;
// for tests, never in the app.

import type { MeasuredSource, SourceData, TaylorSums } from '../../analysis/criteriaTable.ts';
import type { HiddenCriteria, SourceResult } from '../../contract/criteria.ts';
import type { DeviceChoice, DeviceReport } from '../../contract/device.ts';
import type { EvaluateResult } from '../../contract/evaluate.ts';
import type { ExportResult } from '../../contract/export.ts';
import type { Interrupted } from '../../contract/interrupted.ts';
import type { PlanResult } from '../../contract/plan.ts';
import type { Progress } from '../../contract/progress.ts';
import type {
  BlockScore,
  Measure,
  MemoryEstimate,
  RecordedSettings,
  ScoreResult,
  ScoreSettings,
  SublayerScore,
  SublayersResult,
} from '../../contract/score.ts';
import type { SearchResult, SearchStep } from '../../contract/search.ts';
import type { StudioApi } from '../../contract/studio.ts';
import type { VariantInfo } from '../../contract/variant.ts';
import { EspalierError } from '../../errors.ts';
import type { Identity } from '../../model/export/identity.ts';
import type { ModelSummary } from '../../model/open/summary.ts';
import { blockOf, blocksLeft, sublayerUnit } from '../../units.ts';
import { fakeWidth } from './fakeComparing.ts';
import { type FakeHealingOptions, fakeHealing } from './fakeHealing.ts';
import { type FakeQuantisingOptions, fakeQuantising } from './fakeQuantising.ts';
import { fakeTasks } from './fakeTasks.ts';

/** The part of golden/sample.json that the stand-in plays back. */
export interface SampleNumbers {
  windows: number[][];
  baseline_nll_per_sample: number[];
  loo_nll_per_sample: number[][];
  ppl_order: number[];
}

export interface FakeOptions extends FakeHealingOptions, FakeQuantisingOptions {
  /** Seconds that a curve says it took; 4.5 unless told. */
  curveSeconds?: number;
  /**
   * The intact model gives no numbers; without this block it does. Orders are of an older version.
   */
  noNumbersBut?: number;
  /** Wait of each step of a job, in ms. */
  stepMs?: number;
  /** Blocks of the model; beyond the golden's 16 the numbers repeat. */
  numBlocks?: number;
  /** open() answers with a choice first. */
  severalGraphs?: boolean;
  provenance?: string | null;
  interrupted?: Interrupted[];
  /** Identity of the model that was opened under this name; `FAKE_IDENTITY` unless told. */
  identity?(name: string): Identity | Promise<Identity>;
  /** True unless told. */
  hasTokenizer?: boolean;
  /** `ok` unless told. */
  chat?: VariantInfo['chat'];
  adjust?(summary: ModelSummary): ModelSummary;
  /** What `auto` means, once it is known; never unless told. */
  choice?(): Promise<DeviceChoice>;
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
      hasSublayers: true,
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
  // As many as the variants of the stand-in meter run on.
  threads: {
    threads: 2,
    runs: [
      { threads: 1, seconds: 0.04 },
      { threads: 2, seconds: 0.022 },
    ],
  },
  preferred: 'wasm',
  webgpu: true,
  adapter: 'google swiftshader',
  reason: 'the adapter is a software device',
  features: [],
  maxBufferBytes: 2 ** 30,
  selfTest: {
    passed: true,
    checks: [
      {
        name: 'grouped-query attention, 64 tokens',
        ok: true,
        maxError: 4.8e-6,
        note: 'without subgroups',
      },
      {
        name: 'grouped-query attention with subgroups',
        ok: false,
        maxError: 0.38,
        note: 'wrong from row 4 on; the feature stays off',
      },
    ],
    routes: ['device without subgroups'],
    seconds: 0.8,
  },
};

export const FAKE_CHOICE: DeviceChoice = {
  kind: 'wasm',
  whole: 'wasm',
  reason: 'For 128 tokens, a block takes 9.00 ms on WebGPU and 3.00 ms on the CPU (wasm).',
  measured: { webgpu: { seconds: 0.009, tokens: 128 }, wasm: { seconds: 0.003, tokens: 128 } },
};

export const FAKE_IDENTITY: Identity = {
  graph: 'onnx/model.onnx',
  graphSha256: 'aa',
  files: [],
  weightsSha256: 'bb',
};

const WASM = { kind: 'wasm', name: 'fake wasm' } as const;

const progressOf = (job: string, done: number, total: number): Progress => ({
  job,
  phase: 'score',
  done,
  total,
  unit: 'blocks',
  secondsLeft: 1,
});

const recorded = ({ samples, length, sampler, seed, bos }: ScoreSettings): RecordedSettings => ({
  text: 'calibration.txt',
  textSha256: '',
  samples,
  length,
  sampler,
  seed,
  bos: bos ?? 'none',
});

function fakeHidden(numBlocks: number): HiddenCriteria {
  const blockInfluence = Array.from({ length: numBlocks }, (_, b) =>
    b === 0 ? 0.99 : 0.015 + 0.004 * ((b * 7) % 11),
  );
  const angular = Array.from({ length: numBlocks }, (_, k) =>
    Array.from({ length: numBlocks - k }, (__, l) =>
      l === 0 ? 0.49 : 0.03 + 0.02 * k + 0.004 * ((l * 5) % 13),
    ),
  );
  return { blockInfluence, angular };
}

function fakeMagnitudes(numBlocks: number): SourceData['magnitudes'] {
  const l1 = Array.from({ length: numBlocks }, (_, b) => 7300 + 250 * ((b * 5) % 16));
  const times = (factor: number) => l1.map((value) => value * factor);
  return { l1, l2: times(0.06), l1WithNorms: times(1.01), l2WithNorms: times(0.065) };
}

function memoryOf({ samples, length }: ScoreSettings, numBlocks: number): MemoryEstimate {
  const hiddenStates = samples * length * 128 * 4 * (numBlocks + 1) * 2;
  return {
    weights: 12_000_000,
    hiddenStates,
    scratch: 4_000_000,
    logits: 10_000_000,
    total: 26_000_000 + hiddenStates,
    largestBuffer: hiddenStates,
  };
}

function fakeTaylor(numBlocks: number): SourceData['taylor'] {
  const sums = (factor: number): TaylorSums => {
    const attention = Array.from({ length: numBlocks }, (_, b) =>
      b === 0 ? 4 * factor : factor * (0.5 + 0.05 * ((b * 3) % 13)),
    );
    const ffn = attention.map((value) => 2 * value);
    return { block: attention.map((value) => 3 * value), attention, ffn };
  };
  return { loss: 3.7, linear: sums(1), withNorms: sums(1.1) };
}

const FAKE_SOURCES: { readonly [S in MeasuredSource]: (numBlocks: number) => SourceData[S] } = {
  magnitudes: fakeMagnitudes,
  hidden: fakeHidden,
  taylor: fakeTaylor,
};

export function createFakeStudio(numbers: SampleNumbers, options: FakeOptions = {}): FakeStudio {
  const { stepMs = 0, numBlocks = 16 } = options;
  const failures = new Map<keyof StudioApi, EspalierError>();
  const calls: FakeStudio['calls'] = [];
  let stopped = 0;
  let planTurn = 0;
  let openName = '';
  let interruptedJobs = [...(options.interrupted ?? [])];
  const { noNumbersBut = null } = options;
  const orNone = (nll: number[], has: boolean): number[] =>
    has ? nll : nll.map(() => Number.POSITIVE_INFINITY);
  const base = orNone(numbers.baseline_nll_per_sample, noNumbersBut === null);
  const without = (index: number) =>
    orNone(
      numbers.loo_nll_per_sample[index % 16]!,
      noNumbersBut === null || noNumbersBut === index,
    );

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

  const blockScore = (index: number): BlockScore => ({
    index,
    ...measure(without(index)),
    ci95: interval(base, without(index)),
  });

  const api: StudioApi = {
    async open(request) {
      const started = begin('open', [request]);
      await step(started);
      if (options.severalGraphs && request.graph === undefined) {
        const graphs = [
          { path: 'onnx/model.onnx', model: '', dtype: 'fp32', bytes: 12_230_433 },
          { path: 'onnx/model_q4.onnx', model: '', dtype: 'q4', bytes: 2_085_723 },
        ];
        return { kind: 'choose', name: request.source.name, graphs };
      }
      openName = request.source.name;
      const summary = {
        ...sampleSummary(numBlocks),
        name: openName,
        graph: request.graph ?? 'onnx/model.onnx',
      };
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
    // Nothing leads to a choice by itself.
    deviceChoice: () => options.choice?.() ?? new Promise(() => {}),
    async chooseDevice() {
      begin('chooseDevice', []);
      return FAKE_CHOICE;
    },
    async memory(settings) {
      begin('memory', [settings]);
      return memoryOf(settings, numBlocks);
    },
    async gradientMemory(settings) {
      begin('gradientMemory', [settings]);
      return { ...memoryOf(settings, numBlocks), total: 52_000_000 };
    },
    async timeRuns({ sizes }) {
      const started = begin('timeRuns', [sizes]);
      await step(started);
      const runs = sizes.map((size) => ({
        ...size,
        blockSeconds: 0.003 * (size.length / 128),
        headSeconds: 0.005 * (size.length / 128),
      }));
      return { device: WASM, runs, compileSeconds: 0.02, bytesRead: 1_737_728, readSeconds: 0.002 };
    },
    async score(settings, onEvent) {
      const started = begin('score', [settings]);
      const total = (numBlocks * (numBlocks + 1)) / 2;
      onEvent({
        type: 'started',
        device: { kind: 'wasm', name: 'CPU (wasm)' },
        windows: settings.samples,
      });
      const blocks: BlockScore[] = [];
      for (let index = 0, done = 0; index < numBlocks; index++) {
        await step(started);
        if (index === 1) onEvent({ type: 'baseline', baseline: measure(base) });
        blocks.push(blockScore(index));
        onEvent({ type: 'block', block: blocks[index]! });
        done += index + 1;
        const secondsLeft = ((numBlocks - index - 1) * stepMs) / 1000;
        onEvent({
          type: 'progress',
          progress: { job: 'score', phase: 'score', done, total, unit: 'blocks', secondsLeft },
        });
      }
      const order = blocks
        .map((block) => block.index)
        .sort((a, b) => blocks[a]!.nll - blocks[b]!.nll);
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
        device: { kind: 'wasm', name: 'CPU (wasm)' },
        selfTest: FAKE_DEVICE.selfTest,
        rewrites: [],
        seconds: options.curveSeconds ?? 4.5,
        costRatio: 1.08,
        hidden: fakeHidden(numBlocks),
      } satisfies ScoreResult;
    },
    async useWindows(windows, device) {
      begin('useWindows', [windows, device]);
    },
    async identity() {
      begin('identity', []);
      return (await options.identity?.(openName)) ?? FAKE_IDENTITY;
    },
    async plan(removed, _, healing, quantised): Promise<PlanResult> {
      const args = [removed, healing, quantised];
      const started = begin(
        'plan',
        args.slice(0, args.findLastIndex((one) => one !== undefined) + 1),
      );
      const mine = ++planTurn;
      await step(started);
      if (mine !== planTurn) throw new EspalierError('cancelled', 'Cancelled.');
      // Losses add up, roughly: exact for one block.
      const perWindow = base.map(
        (nll, w) =>
          nll +
          removed.reduce<number>(
            (sum, unit) =>
              sum + (without(blockOf(unit))[w]! - nll) / (typeof unit === 'number' ? 1 : 2),
            0,
          ),
      );
      const few = quantised === undefined ? 0 : 0.03;
      const healed = healing === undefined ? 0 : 0.5;
      return {
        ...measure(perWindow.map((nll, w) => nll + healed * (base[w]! - nll) + few)),
        removed,
        ...(healing !== undefined && { healing }),
        ...(quantised !== undefined && { quantised }),
        seconds: 0.3,
      };
    },
    async scoreSublayers(settings, onEvent): Promise<SublayersResult> {
      const started = begin('scoreSublayers', [settings]);
      const parts: SublayerScore[] = [];
      onEvent({ type: 'baseline', baseline: measure(base) });
      for (let index = 0; index < numBlocks; index++)
        for (const part of ['attn', 'ffn'] as const) {
          await step(started);
          const perWindow = base.map(
            (nll, w) => nll + (without(index)[w]! - nll) * (part === 'attn' ? 0.4 : 0.5),
          );
          const score = {
            unit: sublayerUnit(index, part),
            ...measure(perWindow),
            ci95: interval(base, perWindow),
          };
          parts.push(score);
          onEvent({ type: 'part', part: score });
          onEvent({ type: 'progress', progress: progressOf('parts', parts.length, 2 * numBlocks) });
        }
      const order = [...parts].sort((a, b) => a.nll - b.nll).map(({ unit }) => unit);
      const { windows } = numbers;
      return {
        baseline: measure(base),
        parts,
        order,
        windows,
        settings: recorded(settings),
        device: WASM,
        seconds: 6,
        costRatio: 1.02,
      };
    },
    async measureSource<S extends MeasuredSource>(
      source: S,
      settings: ScoreSettings,
      onEvent: (progress: Progress) => void,
    ): Promise<SourceResult<S>> {
      const started = begin('measureSource', [source, settings]);
      for (let i = 1; i <= 4; i++) {
        await step(started);
        const progress = progressOf(source, i * 2_756_608, 4 * 2_756_608);
        onEvent({ ...progress, phase: 'read', unit: 'bytes' });
      }
      const data = FAKE_SOURCES[source](numBlocks);
      return { data, bytesRead: numBlocks * 689_152, settings: recorded(settings), seconds: 0.1 };
    },
    async search(request, onEvent): Promise<SearchResult> {
      const started = begin('search', [request]);
      const free = Array.from({ length: numBlocks }, (_, b) => b).filter(
        (b) => !request.locked.includes(b) && !request.start.includes(b),
      );
      onEvent({ type: 'started', device: WASM, baseline: measure(base), resumedSteps: 0 });
      const steps: SearchStep[] = [];
      let stoppedBy: SearchResult['stoppedBy'] = 'count';
      let sum = base;
      while (steps.length < request.count) {
        const left = free.filter((b) => !steps.some((s) => s.block === b));
        const candidates = left
          .map((block) => ({
            block,
            nll: mean(sum.map((nll, w) => nll + without(block)[w]! - base[w]!)),
          }))
          .sort((a, b) => a.nll - b.nll);
        const [best] = candidates;
        if (!best || left.length === 1) {
          stoppedBy = 'locks';
          break;
        }
        for (const { block, nll } of candidates)
          onEvent({ type: 'candidate', step: steps.length, block, nll });
        await step(started);
        const next = sum.map((nll, w) => nll + without(best.block)[w]! - base[w]!);
        if (request.maxPpl !== null && Math.exp(mean(next)) > request.maxPpl) {
          stoppedBy = 'bound';
          break;
        }
        sum = next;
        const done: SearchStep = {
          block: best.block,
          measure: measure(sum),
          candidates,
          seconds: 0.4,
        };
        steps.push(done);
        onEvent({ type: 'step', step: done });
        onEvent({ type: 'progress', progress: progressOf('search', steps.length, request.count) });
      }
      const { windows } = numbers;
      const settings = recorded(request.settings);
      return {
        baseline: measure(base),
        steps,
        stoppedBy,
        windows,
        settings,
        device: WASM,
        seconds: 3,
        costRatio: 1.05,
      };
    },
    async pause(on) {
      begin('pause', [on]);
    },
    async evaluate(request, onEvent): Promise<EvaluateResult> {
      const started = begin('evaluate', [request]);
      const nll = mean(base) + 0.06;
      const cost = request.removed.reduce<number>(
        (total, unit) => total + mean(without(blockOf(unit))) - mean(base),
        0,
      );
      const side = (value: number) => ({
        nll: value,
        ppl: Math.exp(value),
        ci95: [value - 0.02, value + 0.02] as [number, number],
      });
      const has = request.removed.length > 0;
      const result = (segments: number): EvaluateResult => ({
        text: {
          name: request.text.kind === 'text' ? request.text.name : 'evaluation.txt',
          sha256: 'cc',
          tokens: 66_194,
        },
        segment: request.segment,
        stride: request.stride,
        bos: request.bos ?? 'none',
        segments,
        totalSegments: 517,
        predicted: segments * (request.segment - 1),
        removed: request.removed,
        ...(request.healing !== undefined && { healing: request.healing }),
        original: side(nll),
        plan: has ? side(nll + cost) : null,
        top1Agreement: has ? 0.83 : null,
        klDivergence: has ? 0.11 : null,
        device: WASM,
        warnings: [],
        seconds: 12,
      });
      for (const segments of [100, 300]) {
        await step(started);
        onEvent({ type: 'partial', result: result(segments) });
        onEvent({ type: 'progress', progress: progressOf('evaluate', segments, 517) });
      }
      await step(started);
      return result(517);
    },
    ...fakeHealing({ begin, step }, options),
    ...fakeQuantising({ begin, step }, options),
    ...fakeTasks({ begin, step }),
    async width(request, onEvent) {
      const started = begin('width', [request]);
      return fakeWidth(request, measure(base), () => step(started), onEvent);
    },
    async countTokens(text) {
      begin('countTokens', [text]);
      return { tokens: text.split(/\s+/).filter((word) => word !== '').length, addsBos: false };
    },
    async interrupted() {
      begin('interrupted', []);
      return interruptedJobs;
    },
    async forget(key) {
      begin('forget', [key]);
      interruptedJobs = interruptedJobs.filter((job) => job.key !== key);
    },
    async writtenSizes(steps) {
      begin('writtenSizes', [steps]);
      const block = { attention: 100_000, feedForward: 244_576, cacheRatio: 0.5 };
      return { total: 6_153_094, blocks: Array.from({ length: numBlocks }, () => block) };
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
        loading: { graph: 'onnx/model.onnx' },
        remarks: [],
        leftOut: ['onnx/model_q4.onnx'],
        blob: request.target.kind === 'zip-blob' ? new Blob(['zip']) : null,
        verification: {
          status: 'verified',
          checks: [
            {
              name: 'NLL of one window',
              ok: true,
              detail: '3.8672 written, 3.8672 in the studio, 2.1e-7 relative',
            },
          ],
          device: { kind: 'wasm', name: 'CPU (wasm)' },
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
