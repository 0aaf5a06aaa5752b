// Runs the checks of runtime/ on the browser's GPU in a module worker, as the product does, and
// returns plain data for the tests to judge.

import { argmax, GREEDY } from '../src/analysis/sampling.ts';
import type { EvaluateResult } from '../src/contract/evaluate.ts';
import type { TrainSettings } from '../src/contract/heal.ts';
import { EspalierError } from '../src/errors.ts';
import { fileFolder } from '../src/files/folder.ts';
import { manifestFolder } from '../src/model/export/folder.ts';
import { exportManifest } from '../src/model/export/manifest.ts';
import { type OpenedModel, openModel } from '../src/model/open/open.ts';
import type { QuantisedMeasure, QuantiseSettings } from '../src/model/quantise/quantisation.ts';
import type { ByteSource, Folder } from '../src/onnx/source.ts';
import type { Checkpoint, CheckpointStore } from '../src/runtime/checkpoint/checkpoint.ts';
import { Decoder, type DecoderOptions } from '../src/runtime/decode/decoder.ts';
import { generateGreedily } from '../src/runtime/decode/greedy.ts';
import { loadGraph } from '../src/runtime/decode/loadGraph.ts';
import { LoadedVariant } from '../src/runtime/decode/variant.ts';
import type { Engine } from '../src/runtime/device/engine.ts';
import { webLoader } from '../src/runtime/device/ort.web.ts';
import { attentionProbe } from '../src/runtime/device/probes.ts';
import {
  type CheckName,
  routesOf,
  runSelfTest,
  selfTestKey,
} from '../src/runtime/device/selfTest.ts';
import { openWasm } from '../src/runtime/device/wasmEngine.ts';
import { openWebgpu, WebgpuEngine } from '../src/runtime/device/webgpuEngine.ts';
import type { EvaluationText } from '../src/runtime/evaluate/text.ts';
import { measureTaylor } from '../src/runtime/gradients/taylor.ts';
import { refit } from '../src/runtime/heal/refit.ts';
import { train } from '../src/runtime/heal/train.ts';
import { measureQuantised } from '../src/runtime/quantise/measure/measure.ts';
import { quantiseSteps } from '../src/runtime/quantise/testing/byRounding.ts';
import type { Curve } from '../src/runtime/score/curve.ts';
import { ScoreSession } from '../src/runtime/score/session.ts';
import { gradientNorms } from '../src/runtime/testing/gradientNorms.ts';
import { verifyExport } from '../src/runtime/verify/verify.ts';
import { wholeSequence } from '../src/text/training/sequences.ts';
import type { Unit } from '../src/units.ts';

/** A folder relative to the page, with its files. */
export interface ServedFolder {
  base: string;
  files: { path: string; size: number }[];
  graph: string;
}

/**
 * `own`: a GPU engine for this call alone, whose ledger has the peaks of nothing else, and whose
 * device may be lost. Other calls share one, so that its shaders are compiled once.
 */
type OnDevice = ServedFolder & { device: 'webgpu' | 'wasm'; subgroups?: boolean; own?: boolean };

export type RuntimeCall =
  | { check: 'self-test'; faults?: readonly CheckName[] }
  | (OnDevice & {
      check: 'score';
      windows: number[][];
      plans?: number[][];
      /** Bytes that everything may take. */
      budgetBytes?: number;
      /** After so many block evaluations, cancel or destroy the device. */
      stopAfter?: { blocks: number; by: 'cancel' | 'loss' };
    })
  /**
   * Scores, is cancelled after so many block evaluations, and goes on in a new session; then parts
   * and a search of two steps.
   */
  | (OnDevice & { check: 'resume'; windows: number[][]; budgetBytes: number; stopAfter: number })
  /** `asyncify`: as in a browser without JSPI, from this call on. */
  | (OnDevice & { check: 'nll'; window: number[]; removed: number[]; asyncify?: boolean })
  /** Windows as the segments of an evaluation. */
  | (OnDevice & { check: 'evaluate'; windows: number[][]; removed: Unit[]; budgetBytes?: number })
  /** What a quantisation by these settings loses, on windows. */
  | (OnDevice & {
      check: 'quantised';
      windows: number[][];
      removed: Unit[];
      quantise: Partial<QuantiseSettings>;
    })
  | (OnDevice & { check: 'taylor'; windows: number[][]; budgetBytes?: number })
  /** Windows to learn from; the last `heldOut` of them are held out. */
  | (OnDevice & {
      check: 'train';
      windows: number[][];
      heldOut: number;
      removed: Unit[];
      settings: TrainSettings;
      budgetBytes?: number;
    })
  | (OnDevice & { check: 'refit'; windows: number[][]; removed: Unit[] })
  | (OnDevice & { check: 'verify'; window: number[]; removed: number[] })
  | (OnDevice & { check: 'decode'; removed: number[]; prompt: number[]; steps: number })
  | (OnDevice & { check: 'decode-lost'; prompt: number[] })
  | (ServedFolder & {
      check: 'variant';
      removed: number[];
      prompt: number[];
      tokens: number;
      cycles: number;
      graphCapture: boolean;
    })
  | { check: 'limits' }
  | { check: 'bad-program' };

export type RuntimeReply = { ok: true; value: unknown } | { ok: false; error: string };

self.onmessage = async ({ data }: MessageEvent<RuntimeCall>) => {
  const reply: RuntimeReply = await run(data).then(
    (value) => ({ ok: true as const, value }),
    (error: unknown) => ({ ok: false as const, error: explain(error) }),
  );
  self.postMessage(reply);
};

function explain(error: unknown): string {
  if (error instanceof EspalierError) return `${error.code}: ${error.message} ${error.detail}`;
  return error instanceof Error ? `${error.message}\n${error.stack}` : String(error);
}

async function run(call: RuntimeCall): Promise<unknown> {
  if (call.check === 'self-test') return selfTest(call.faults);
  if (call.check === 'variant') return variant(call);
  if (call.check === 'nll' && call.asyncify) Reflect.deleteProperty(WebAssembly, 'Suspending');
  const on: { device?: 'webgpu' | 'wasm'; subgroups?: boolean; own?: boolean } =
    'device' in call ? call : {};
  const { device = 'webgpu', subgroups = false, own = false } = on;
  if (device === 'webgpu' && !subgroups && !own) {
    sharedGpu ??= openWebgpu(webLoader);
    return runOn(await sharedGpu, call);
  }
  const engine =
    device === 'wasm' ? await openWasm(webLoader) : await openWebgpu(webLoader, { subgroups });
  try {
    return await runOn(engine, call);
  } finally {
    await engine.dispose();
  }
}

let sharedGpu: Promise<WebgpuEngine> | null = null;

async function runOn(
  engine: Engine,
  call: Exclude<RuntimeCall, { check: 'self-test' | 'variant' }>,
): Promise<unknown> {
  switch (call.check) {
    case 'score':
      return await score(engine, call);
    case 'resume':
      return await resume(engine, call);
    case 'nll':
      return await nll(engine, call);
    case 'evaluate':
      return await evaluate(engine, call);
    case 'quantised':
      return await quantised(engine, call);
    case 'taylor':
      return await taylor(engine, call);
    case 'train':
      return await trained(engine, call);
    case 'refit':
      return await refitted(engine, call);
    case 'verify':
      return await verify(engine, call);
    case 'decode':
      return await decode(engine, call);
    case 'decode-lost':
      return await decodeLost(engine, call);
    case 'limits':
      return await codeOf(async () =>
        engine.allocate(engine.maxBufferBytes + 16, 'weights', 'weight lm_head'),
      );
    case 'bad-program':
      return await badProgram(engine);
  }
}

async function taylor(
  engine: Engine,
  { windows, budgetBytes, ...served }: Extract<RuntimeCall, { check: 'taylor' }>,
): Promise<unknown> {
  const model = await opened(served);
  const session = ScoreSession.open(model, engine, { budgetBytes });
  const { gradNorm, onGradient } = gradientNorms();
  const found = await session.alone((alone) =>
    measureTaylor({
      ...alone,
      structure: model.structure,
      windows,
      onProgress: () => {},
      onGradient,
    }),
  );
  await session.dispose();
  return { found, gradNorm, left: engine.ledger.total() };
}

async function trained(
  engine: Engine,
  {
    windows,
    heldOut,
    removed,
    settings,
    budgetBytes,
    ...served
  }: Extract<RuntimeCall, { check: 'train' }>,
): Promise<unknown> {
  const { structure, ...model } = await opened(served);
  const session = ScoreSession.open({ structure, ...model }, engine, { budgetBytes });
  const sequences = windows.map(wholeSequence);
  const end = sequences.length - heldOut;
  const data = { fit: sequences.slice(0, end), heldOut: sequences.slice(end) };
  const norms: number[] = [];
  const found = await session.alone((alone) =>
    train({
      ...{ ...alone, structure, removed, changes: [], settings, data },
      onEvent: (event) => void (event.type === 'step' && norms.push(event.norm)),
    }),
  );
  await session.dispose();
  const losses = found.heldOut.map(({ loss }) => loss);
  return { losses: found.losses, heldOut: losses, norms, left: engine.ledger.total() };
}

async function refitted(
  engine: Engine,
  { windows, removed, ...served }: Extract<RuntimeCall, { check: 'refit' }>,
): Promise<unknown> {
  const model = await opened(served);
  const session = ScoreSession.open(model, engine);
  const { products, changes } = await session.alone((alone) =>
    refit({
      ...alone,
      structure: model.structure,
      removed,
      settings: { all: true, ridge: 1e-3 },
      windows,
      onProgress: () => {},
    }),
  );
  await session.dispose();
  const matrices = changes.map((change) =>
    change.kind === 'replaced' ? [...new Float32Array(change.values.buffer)] : [],
  );
  return { products, matrices, left: engine.ledger.total() };
}

async function codeOf(
  work: () => Promise<unknown>,
): Promise<{ code: string; message: string } | null> {
  try {
    await work();
    return null;
  } catch (error) {
    return error instanceof EspalierError
      ? { code: error.code, message: error.message }
      : { code: 'not coded', message: String(error) };
  }
}

/** What a program that cannot be compiled gives, and the next one. */
async function badProgram(engine: Engine): Promise<unknown> {
  const { program } = attentionProbe(0);
  const bytes = program.bytes.slice();
  const at = new TextDecoder('latin1').decode(bytes).indexOf('GroupQueryAttention');
  bytes.set(new TextEncoder().encode('GroupQueryAttentioX'), at);
  const broken = { ...program, bytes };
  return {
    broken: await codeOf(() => engine.compile(broken)),
    next: await codeOf(() => engine.compile(program)),
  };
}

async function resume(
  engine: Engine,
  call: Extract<RuntimeCall, { check: 'resume' }>,
): Promise<unknown> {
  const source = await opened(call);
  const { windows, budgetBytes } = call;
  let kept: Checkpoint | null = null;
  let done = 0;
  const store: CheckpointStore = {
    load: async () => structuredClone(kept),
    save: async (checkpoint) => {
      kept = structuredClone(checkpoint);
      done = checkpoint.done;
    },
    clear: async () => {
      kept = null;
    },
  };
  const scored = async (stopAfter: number): Promise<{ curve: Curve | null; blocks: number }> => {
    const session = ScoreSession.open(source, engine, { budgetBytes });
    const abort = new AbortController();
    let blocks = 0;
    const curve = await session
      .score(
        windows,
        abort.signal,
        (event) => {
          if (
            event.type === 'progress' &&
            event.progress.phase === 'score' &&
            ++blocks === stopAfter
          )
            abort.abort();
        },
        store,
      )
      .catch((error: unknown) => {
        if (error instanceof EspalierError && error.code === 'cancelled') return null;
        throw error;
      });
    await session.dispose();
    return { curve, blocks };
  };
  const stopped = await scored(call.stopAfter);
  // What the stop left; the run that goes on may write itself down too, if it takes long.
  const doneAtStop = done;
  const resumed = await scored(0);
  const session = ScoreSession.open(source, engine, { budgetBytes });
  const parts = await session.scoreSublayers(windows, undefined, () => {});
  const request = { windows, start: [], locked: [], count: 2, maxPpl: null };
  const search = await session.search(request, undefined, undefined, () => {});
  await session.dispose();
  return {
    stopped: stopped.curve === null,
    done: doneAtStop,
    resumed,
    cleared: kept === null,
    parts,
    search,
    left: engine.ledger.total(),
  };
}

async function nll(
  engine: Engine,
  call: Extract<RuntimeCall, { check: 'nll' }>,
): Promise<{ build: string; values: number[] }> {
  const session = ScoreSession.open(await opened(call), engine);
  const values = await session.nllPerToken(call.removed, call.window);
  await session.dispose();
  return { build: engine.build, values: [...values] };
}

async function quantised(
  engine: Engine,
  { windows, removed, quantise, ...folder }: Extract<RuntimeCall, { check: 'quantised' }>,
): Promise<{ measured: QuantisedMeasure; left: number }> {
  const model = await opened(folder);
  const session = ScoreSession.open(model, engine);
  const [measured] = await measureQuantised({
    opened: model,
    session,
    removed,
    steps: quantiseSteps(quantise, 'q4', removed),
    texts: [{ set: 'windows', name: 'given', segments: windows }],
    onProgress: () => {},
  });
  const left = engine.ledger.total();
  await session.dispose();
  return { measured: measured as QuantisedMeasure, left };
}

async function evaluate(
  engine: Engine,
  call: Extract<RuntimeCall, { check: 'evaluate' }>,
): Promise<{ result: EvaluateResult; left: number }> {
  const { windows, removed, budgetBytes } = call;
  const segment = windows[0]?.length ?? 0;
  const text: EvaluationText = {
    text: { name: 'given', sha256: '', tokens: windows.flat().length },
    segment,
    stride: null,
    bos: 'none',
    totalSegments: windows.length,
    warnings: [],
    segments: windows,
    predicts: windows.map(() => segment - 1),
  };
  const session = ScoreSession.open(
    await opened(call),
    engine,
    budgetBytes === undefined ? {} : { budgetBytes },
  );
  const result = await session.evaluate(text, removed, undefined, () => {});
  await session.dispose();
  return { result, left: engine.ledger.total() };
}

async function verify(
  engine: Engine,
  call: Extract<RuntimeCall, { check: 'verify' }>,
): Promise<unknown> {
  const source = await opened(call);
  const manifest = await exportManifest(source, call.removed, { app: 'test' });
  const session = ScoreSession.open(source, engine);
  const values = await session.nllPerToken(call.removed, call.window);
  await session.dispose();
  const numBlocks = source.structure.blocks.length - call.removed.length;
  const expected = {
    window: call.window,
    nll: values,
    numBlocks,
    source: { opened: source, removed: call.removed },
  };
  return verifyExport(manifestFolder(manifest, source.folder), manifest.graph, expected, engine);
}

/**
 * Greedy ids and margins by every way of decoding: caches shared, in turns, none; several rows; the
 * prompt in pieces.
 */
async function decode(
  engine: Engine,
  call: Extract<RuntimeCall, { check: 'decode' }>,
): Promise<unknown> {
  const source = await opened(call);
  const manifest = await exportManifest(source, call.removed, { app: 'test' });
  const loaded = await loadGraph(
    await openModel(manifestFolder(manifest, source.folder), manifest.graph),
    engine,
  );
  const way = async (options: DecoderOptions, times: number, steps: number): Promise<unknown> => {
    const decoder = await Decoder.over(loaded, options);
    const runs = [await generateGreedily(decoder, call.prompt, steps)];
    // Of one run, so that all ways have the same room for logits.
    const [kind, bytes] = [decoder.cache, decoder.bytes];
    while (runs.length < times) runs.push(await generateGreedily(decoder, call.prompt, steps));
    decoder.close();
    return { kind, bytes, runs };
  };
  const ways = {
    // From the second time on all shapes are known and every row of logits comes from the decoder's
    // own buffer.
    own: await way({}, 2, call.steps),
    growing: await way({ growing: true }, 1, call.steps),
    pieces: await way({ prefillTokens: 5 }, 1, call.steps),
    // Each step is a new shape for every kernel: two are enough.
    none: await way({ cache: false }, 1, 2),
  };
  const decoder = await Decoder.over(loaded);
  const rows: number[][] = [];
  for (let again = 0; again < 2; again++) {
    await decoder.begin(3, call.prompt.length + 2);
    for (let step = 0; step < 2; step++) {
      const logits =
        step === 0 ? await decoder.prefill(call.prompt) : await decoder.step(rows.at(-1) ?? []);
      const vocab = logits.length / 3;
      rows.push([0, 1, 2].map((row) => argmax(logits.subarray(row * vocab, (row + 1) * vocab))));
    }
  }
  decoder.close();
  await loaded.release();
  return { name: engine.name, ways, rows, left: engine.ledger.total() };
}

/**
 * What a step gives after the device was lost, and what a decoder that never got to run holds then.
 */
async function decodeLost(
  engine: Engine,
  call: Extract<RuntimeCall, { check: 'decode-lost' }>,
): Promise<unknown> {
  const decoder = await Decoder.open(await opened(call), engine);
  await decoder.begin(1, call.prompt.length + 8);
  const logits = await decoder.prefill(call.prompt);
  const next = [argmax(logits)];
  if (engine instanceof WebgpuEngine) engine.device.destroy();
  const step = await codeOf(() => decoder.step(next));
  const again = await codeOf(() => decoder.begin(2, 40).then(() => decoder.prefill(call.prompt)));
  return { step, again };
}

/** Variants opened, run and closed on the GPU, from Blobs as dropped files are. */
async function variant(call: Extract<RuntimeCall, { check: 'variant' }>): Promise<unknown> {
  const files = await Promise.all(
    call.files.map(async ({ path }) => ({
      path,
      file: await (await fetch(new URL(`${call.base}/${path}`, self.location.href))).blob(),
    })),
  );
  const source = await openModel(fileFolder(call.base, files), call.graph);
  const selfTest = await runSelfTest(webLoader);
  const results: unknown[] = [];
  for (let cycle = 0; cycle < call.cycles; cycle++) {
    const { removed, graphCapture, prompt, tokens } = call;
    const loaded = await LoadedVariant.open(
      source,
      { removed, device: 'webgpu', selfTest, graphCapture },
      webLoader,
    );
    const shape = { ids: prompt, tokens, batch: 1, sampling: GREEDY };
    await loaded.run(shape);
    const sample = await loaded.run(shape);
    await loaded.close();
    results.push({ info: loaded.info, sample, left: loaded.ownBytes });
  }
  return results;
}

function opened(call: ServedFolder): Promise<OpenedModel> {
  return openModel(fetchedFolder(call.base, call.files), call.graph);
}

async function selfTest(faults: readonly CheckName[] = []): Promise<unknown> {
  const test = await runSelfTest(webLoader, {
    tamper: (check, values) => {
      if (faults.includes(check))
        values[values.length - 1] = (values[values.length - 1] ?? 0) + 0.5;
    },
  });
  return { test, routes: routesOf(test.checks), key: await selfTestKey(webLoader) };
}

async function score(
  engine: Engine,
  call: Extract<RuntimeCall, { check: 'score' }>,
): Promise<unknown> {
  const session = ScoreSession.open(await opened(call), engine, { budgetBytes: call.budgetBytes });
  const abort = new AbortController();
  let stopped = false;
  let runsAfterStop = 0;
  const events: string[] = [];
  const estimate = session.memory(call.windows.length, call.windows[0]?.length ?? 2);
  const stop = (): void => {
    stopped = true;
    if (call.stopAfter?.by === 'cancel') abort.abort();
    else if (engine instanceof WebgpuEngine) engine.device.destroy();
  };
  try {
    const curve = await session.score(call.windows, abort.signal, (event) => {
      if (event.type !== 'progress') events.push(event.type);
      else if (event.progress.phase === 'score') {
        if (stopped) runsAfterStop += 1;
        else if (call.stopAfter && event.progress.done >= call.stopAfter.blocks) stop();
      }
    });
    const peak = { weights: engine.ledger.peak('weights'), hidden: engine.ledger.peak('hidden') };
    const plans = [];
    for (const removed of call.plans ?? [])
      plans.push({ removed, ...(await session.plan(removed)) });
    await session.dispose();
    return {
      name: engine.name,
      build: engine.build,
      curve,
      plans,
      events,
      estimate,
      peak,
      left: engine.ledger.total(),
    };
  } catch (error) {
    if (!(error instanceof EspalierError) || !stopped) throw error;
    const { code, message } = error;
    await session.dispose();
    return { code, message, runsAfterStop, left: engine.ledger.total() };
  }
}

/** A folder of files below the page; each file is fetched once. */
function fetchedFolder(base: string, files: { path: string; size: number }[]): Folder {
  const bytes = new Map<string, Promise<Uint8Array<ArrayBuffer>>>();
  const open = (path: string): ByteSource | null => {
    const file = files.find((f) => f.path === path);
    if (!file) return null;
    const whole =
      bytes.get(path) ??
      fetch(new URL(`${base}/${path}`, self.location.href)).then(
        async (r) => new Uint8Array(await r.arrayBuffer()),
      );
    bytes.set(path, whole);
    return {
      size: file.size,
      read: async (offset, length) => (await whole).slice(offset, offset + length),
    };
  };
  return { name: base, files, open };
}
