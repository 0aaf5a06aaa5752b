// Checks of the runtime room on the browser's GPU, run in a module worker as the product does; results are plain data for the tests to judge.

import { EspalierError } from '../src/errors.ts';
import { openModel } from '../src/model/open.ts';
import type { ByteSource, Folder } from '../src/onnx/source.ts';
import type { Engine } from '../src/runtime/device.ts';
import { webLoader } from '../src/runtime/ort.web.ts';
import { type CheckName, routesOf, runSelfTest, selfTestKey } from '../src/runtime/selfTest.ts';
import { ScoreSession } from '../src/runtime/session.ts';
import { openWasm } from '../src/runtime/wasmEngine.ts';
import { openWebgpu } from '../src/runtime/webgpuEngine.ts';

export type RuntimeCall =
  | { check: 'self-test'; fault?: CheckName }
  | {
      check: 'score';
      device: 'webgpu' | 'wasm';
      subgroups?: boolean;
      /** Folder relative to the page, with its files. */
      base: string;
      files: { path: string; size: number }[];
      graph: string;
      windows: number[][];
      plans?: number[][];
      /** Cancel after so many block evaluations. */
      cancelAfter?: number;
    }
  | { check: 'lost' };

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
  if (call.check === 'self-test') return selfTest(call.fault);
  if (call.check === 'lost') return loseDevice();
  const engine = call.device === 'wasm' ? await openWasm(webLoader) : await openWebgpu(webLoader, { subgroups: call.subgroups ?? false });
  try {
    return await score(engine, call);
  } finally {
    await engine.dispose();
  }
}

async function selfTest(fault: CheckName | undefined): Promise<unknown> {
  const test = await runSelfTest(webLoader, {
    tamper: (check, values) => {
      if (check === fault) values[values.length - 1] = (values[values.length - 1] ?? 0) + 0.5;
    },
  });
  return { test, routes: routesOf(test.checks), key: await selfTestKey(webLoader) };
}

async function score(engine: Engine, call: Extract<RuntimeCall, { check: 'score' }>): Promise<unknown> {
  const opened = await openModel(fetchedFolder(call.base, call.files), call.graph);
  if (!('structure' in opened)) throw new Error('the folder holds several graphs');
  const session = ScoreSession.open(opened, engine);
  const abort = new AbortController();
  const longestGap = { ms: 0, last: performance.now() };
  let cancelledAt = 0;
  const events: string[] = [];
  const estimate = session.memory(call.windows.length, call.windows[0]?.length ?? 2);
  try {
    const curve = await session.score(call.windows, abort.signal, (event) => {
      if (event.type !== 'progress') events.push(event.type);
      else if (event.progress.phase === 'score') {
        longestGap.ms = Math.max(longestGap.ms, performance.now() - longestGap.last);
        if (call.cancelAfter !== undefined && event.progress.done >= call.cancelAfter && !abort.signal.aborted) {
          cancelledAt = performance.now();
          abort.abort();
        }
      }
      longestGap.last = performance.now();
    });
    const plans = [];
    for (const removed of call.plans ?? []) plans.push({ removed, ...(await session.plan(removed)) });
    const peak = { weights: engine.ledger.peak('weights'), hidden: engine.ledger.peak('hidden') };
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
      longestGapMs: longestGap.ms,
    };
  } catch (error) {
    if (!(error instanceof EspalierError) || error.code !== 'cancelled') throw error;
    const cancelMs = performance.now() - cancelledAt;
    await session.dispose();
    return { cancelled: true, cancelMs, left: engine.ledger.total() };
  }
}

/** Destroys the device under an engine and reports the error of the next call. */
async function loseDevice(): Promise<unknown> {
  const engine = await openWebgpu(webLoader);
  engine.device.destroy();
  await engine.device.lost;
  await Promise.resolve();
  try {
    engine.allocate(16, 'hidden', 'after the loss');
    return { code: null };
  } catch (error) {
    return { code: error instanceof EspalierError ? error.code : String(error) };
  }
}

/** A folder of files below the page; each file is fetched once. */
function fetchedFolder(base: string, files: { path: string; size: number }[]): Folder {
  const bytes = new Map<string, Promise<Uint8Array<ArrayBuffer>>>();
  const open = (path: string): ByteSource | null => {
    const file = files.find((f) => f.path === path);
    if (!file) return null;
    const whole =
      bytes.get(path) ?? fetch(new URL(`${base}/${path}`, self.location.href)).then(async (r) => new Uint8Array(await r.arrayBuffer()));
    bytes.set(path, whole);
    return { size: file.size, read: async (offset, length) => (await whole).slice(offset, offset + length) };
  };
  return { name: base, files, open };
}
