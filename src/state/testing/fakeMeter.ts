// A stand-in for the meter, with plausible speeds, delays and errors on demand; for tests, never in
// the app.

import type { GenerateResult, Side } from '../../contract/generate.ts';
import type { MeterApi } from '../../contract/meter.ts';
import type { Progress } from '../../contract/progress.ts';
import type {
  Gain,
  MeasureResult,
  MeterRequest,
  SpeedSettings,
  SweepPoint,
  SweepResult,
  VariantMeasure,
  Which,
} from '../../contract/speed.ts';
import type { RunSample, VariantInfo } from '../../contract/variant.ts';
import { EspalierError, toReport } from '../../errors.ts';
import { fakeComparison } from './fakeComparing.ts';

export interface FakeMeterOptions {
  /** Wait of each run, load or slice, in ms. */
  stepMs?: number;
  /** Blocks of the original. */
  numBlocks?: number;
  /** Seconds per token of a model of `blocks` blocks: T = a + b * blocks. */
  a?: number;
  b?: number;
  /** Relative spread of the runs; alternates around the mean. */
  noise?: number;
  /**
   * Throughput changes by this factor with each new measurement of a pruned variant; 1 when
   * missing.
   */
  drift?: readonly number[];
  /** Both take this many times as long in each new measurement; 1 when missing. */
  load?: readonly number[];
  /** What a run is said to take in the time left; by default what it takes. */
  secondsPerRun?: number;
  /** Most rows that fit in a sweep. */
  maxBatch?: number;
}

type Job = 'measure' | 'sweep' | 'compare' | 'generate';

export interface FakeMeter {
  api: MeterApi;
  calls: { name: keyof MeterApi; args: readonly unknown[] }[];
  /** The next job of this name throws. */
  failNext(name: Job, error: EspalierError): void;
  /** In the next job this variant fails and the other goes on. */
  failVariant(which: Which, error: EspalierError): void;
}

const WEIGHT_BYTES = 1_203_865;
const BLOCK_BYTES = 689_152;
const FAKE_TEXT =
  ' It was a fine morning and Anne walked out early with her sister before the house was awake';
const FAKE_WORDS = FAKE_TEXT.split(/(?= )/);

function stat(values: readonly number[], unit: string) {
  const sorted = [...values].sort((x, y) => x - y);
  const mid = sorted.length >> 1;
  const median = sorted.length % 2 ? sorted[mid]! : (sorted[mid - 1]! + sorted[mid]!) / 2;
  return {
    mean: values.reduce((x, y) => x + y, 0) / values.length,
    median,
    min: sorted[0]!,
    max: sorted.at(-1)!,
    unit,
  };
}

function summarise(samples: readonly RunSample[]): VariantMeasure['speed'] {
  const each = (of: (sample: RunSample) => number, unit: string) => stat(samples.map(of), unit);
  return {
    throughput: each((s) => (s.batch * s.tokens) / s.seconds, 'tokens/s'),
    latency: each((s) => s.seconds, 's'),
    ttft: each((s) => s.ttft, 's'),
    prefill: each((s) => (s.batch * s.promptTokens) / s.ttft, 'tokens/s'),
    decode:
      samples[0]!.tokens > 1
        ? each((s) => (s.batch * (s.tokens - 1)) / (s.seconds - s.ttft), 'tokens/s')
        : null,
    runs: samples.length,
  };
}

function gainOf(original: VariantMeasure, pruned: VariantMeasure): Gain {
  const [a, b] = [original.speed.throughput, pruned.speed.throughput];
  const ci95: [number, number] = [b.min / a.max, b.max / a.min];
  return { ratio: b.mean / a.mean, ci95, noise: ci95[0] <= 1 && ci95[1] >= 1 };
}

export function fakeMeter(options: FakeMeterOptions = {}): FakeMeter {
  const {
    stepMs = 0,
    numBlocks = 16,
    a = 0.0005,
    b = 0.0002,
    noise = 0.01,
    drift = [],
    load = [],
    secondsPerRun = stepMs / 1000,
    maxBatch = 16,
  } = options;
  const calls: FakeMeter['calls'] = [];
  const failures = new Map<string, EspalierError>();
  const variantFailures = new Map<Which, EspalierError>();
  let turn = 0;
  let measured = 0;

  async function step(mine: number): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, stepMs));
    if (mine !== turn) throw new EspalierError('cancelled', 'Cancelled.');
  }

  function begin(name: Job, args: readonly unknown[]): number {
    calls.push({ name, args });
    const mine = ++turn;
    const error = failures.get(name);
    failures.delete(name);
    if (error) throw error;
    return mine;
  }

  const sidesOf = (request: MeterRequest): Which[] =>
    request.removed.length ? ['original', 'pruned'] : ['original'];
  const blocksOf = (which: Which, request: MeterRequest) =>
    numBlocks - (which === 'pruned' ? request.removed.length : 0);

  function infoOf(which: Which, request: MeterRequest): VariantInfo {
    const blocks = blocksOf(which, request);
    return {
      device: { kind: 'wasm', name: 'CPU (wasm, 2 threads)' },
      runtime: 'onnxruntime-web 1.30.0 (jspi)',
      cache: 'static',
      graphCapture: false,
      notes: [],
      numBlocks: blocks,
      fileBytes: WEIGHT_BYTES + blocks * BLOCK_BYTES,
      loadSeconds: 0.1 + 0.01 * blocks,
      contextLength: 512,
      vocabSize: 2048,
      hasTokenizer: true,
      chat: 'none',
    };
  }

  function sampleOf(
    which: Which,
    request: MeterRequest,
    settings: SpeedSettings,
    batch: number,
    i: number,
  ): RunSample {
    const pace = which === 'pruned' ? (drift[measured] ?? 1) : 1;
    const wobble = 1 + [0, noise, -noise][i % 3]! * (which === 'pruned' ? -1 : 1);
    const perToken =
      ((a + b * blocksOf(which, request)) * wobble * (0.7 + 0.3 * batch) * (load[measured] ?? 1)) /
      pace;
    const ids = Array.from({ length: settings.tokens }, (_, t) => (t * 7) % 2048);
    return {
      promptTokens: settings.promptTokens,
      tokens: settings.tokens,
      batch,
      ttft: perToken * 2,
      seconds: perToken * settings.tokens,
      hostSeconds: perToken * 0.05 * settings.tokens,
      deviceBytes: WEIGHT_BYTES + blocksOf(which, request) * (BLOCK_BYTES + 512 * 512),
      ids,
    };
  }

  const progressOf = (phase: Progress['phase'], done: number, total: number): Progress => ({
    job: 'measure',
    phase,
    done,
    total,
    unit: 'runs',
    secondsLeft: (total - done) * secondsPerRun,
  });

  const api: MeterApi = {
    async measure(request, onEvent): Promise<MeasureResult> {
      const mine = begin('measure', [request]);
      const { settings } = request;
      const errors: { [W in Which]?: ReturnType<typeof toReport> } = {};
      const samples: Record<Which, RunSample[]> = { original: [], pruned: [] };
      for (const which of sidesOf(request)) {
        await step(mine);
        const error = variantFailures.get(which);
        variantFailures.delete(which);
        if (error) errors[which] = toReport(error);
        else onEvent({ type: 'loaded', which, info: infoOf(which, request) });
      }
      const sides = sidesOf(request).filter((which) => !errors[which]);
      const total = (settings.warmup + settings.runs) * sides.length;
      let done = 0;
      for (let i = 0; i < settings.warmup + settings.runs; i++) {
        for (const which of sides) {
          await step(mine);
          const warmup = i < settings.warmup;
          const sample = sampleOf(which, request, settings, settings.batch, i);
          if (!warmup) samples[which].push(sample);
          onEvent({ type: 'sample', which, sample, warmup });
          onEvent({
            type: 'progress',
            progress: progressOf(warmup ? 'warmup' : 'decode', ++done, total),
          });
        }
      }
      if (samples.pruned.length) measured++;
      const measureOf = (which: Which): VariantMeasure | null =>
        samples[which].length === 0
          ? null
          : {
              info: infoOf(which, request),
              removed: which === 'pruned' ? request.removed : [],
              speed: summarise(samples[which]),
              samples: samples[which],
              loads: [infoOf(which, request).loadSeconds],
              deviceBytes: samples[which][0]!.deviceBytes,
            };
      const [original, pruned] = [measureOf('original'), measureOf('pruned')];
      return {
        original,
        pruned,
        errors,
        gain: original && pruned ? gainOf(original, pruned) : null,
        settings,
        promptIds: Array.from({ length: settings.promptTokens }, (_, i) => i),
        interleaved: 'runs',
        notes: [],
        seconds: (total * stepMs) / 1000,
      };
    },
    async sweep(request, batches, onEvent): Promise<SweepResult> {
      const mine = begin('sweep', [request, batches]);
      const points: Record<Which, SweepPoint[]> = { original: [], pruned: [] };
      const stopped: SweepResult['stopped'] = [];
      let done = 0;
      for (const batch of batches) {
        for (const which of sidesOf(request)) {
          await step(mine);
          onEvent({
            type: 'progress',
            progress: progressOf('decode', ++done, batches.length * sidesOf(request).length),
          });
          if (stopped.some((one) => one.which === which)) continue;
          const limit = which === 'pruned' ? maxBatch * 2 : maxBatch;
          if (batch > limit) {
            const error = new EspalierError(
              'out-of-memory',
              `Batch ${batch} does not fit on the device.`,
              'Use a smaller batch.',
            );
            stopped.push({ which, batch, error: toReport(error) });
            continue;
          }
          const { latency, throughput } = summarise(
            [0, 1, 2].map((i) => sampleOf(which, request, request.settings, batch, i)),
          );
          points[which].push({ batch, latency, throughput });
        }
      }
      return {
        ...points,
        stopped,
        settings: request.settings,
        device: infoOf('original', request).device,
        notes: [],
      };
    },
    async compare(request, onEvent) {
      const mine = begin('compare', [request]);
      return fakeComparison(request, (a + b * numBlocks) / numBlocks, () => step(mine), onEvent);
    },
    async generate(request, onEvent): Promise<GenerateResult> {
      const mine = begin('generate', [request]);
      const text = request.prompt.kind === 'raw' ? request.prompt.text : '';
      onEvent({ type: 'prompt', prompt: { ids: [1, 2, 3], text } });
      const result: { original: Side | null; pruned: Side | null } = {
        original: null,
        pruned: null,
      };
      const errors: { [W in Which]?: ReturnType<typeof toReport> } = {};
      let divergesAt: number | null = null;
      for (let t = 1; t <= request.tokens; t++) {
        for (const which of sidesOf(request)) {
          await step(mine);
          if (errors[which]) continue;
          const error = t === 2 ? variantFailures.get(which) : undefined;
          if (error) {
            variantFailures.delete(which);
            errors[which] = toReport(error);
            onEvent({ type: 'failed', which, error: toReport(error) });
            continue;
          }
          // The pruned one goes its own way from the fifth token on.
          const ids = Array.from(
            { length: t },
            (_, i) => (i + (which === 'pruned' && i >= 4 ? 3 : 0)) % FAKE_WORDS.length,
          );
          const perToken = a + b * blocksOf(which, request);
          const side: Side = {
            ids,
            text: ids.map((id) => FAKE_WORDS[id]).join(''),
            ends: ids.map((_, i) =>
              ids.slice(0, i + 1).reduce((sum, id) => sum + (FAKE_WORDS[id]?.length ?? 0), 0),
            ),
            ttft: perToken * 2,
            seconds: perToken * (t + 1),
            tokens: t,
            done: t === request.tokens ? 'length' : null,
            info: infoOf(which, request),
          };
          result[which] = side;
          onEvent({ type: 'side', which, side });
        }
      }
      if (
        result.original &&
        result.pruned &&
        result.original.ids.length > 4 &&
        result.pruned.ids.length > 4
      )
        divergesAt = 4;
      return { ...result, errors, divergesAt };
    },
    cancel() {
      calls.push({ name: 'cancel', args: [] });
      turn++;
    },
  };
  return {
    api,
    calls,
    failNext: (name, error) => void failures.set(name, error),
    failVariant: (which, error) => void variantFailures.set(which, error),
  };
}
