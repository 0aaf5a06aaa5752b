// One export: the files of the plan written to disk or zip, then verified in a fresh worker.

import { wrap } from 'comlink';
import { call, type RemoteMethods } from '../bridge/wire.ts';
import type { DeviceKind, SelfTest } from '../contract/device.ts';
import type { ExportRequest, ExportResult } from '../contract/export.ts';
import type { FolderSource } from '../contract/open.ts';
import type { ExportStep, Progress } from '../contract/progress.ts';
import type { Verification, VerifyRequest, Written } from '../contract/verify.ts';
import { cancelled, type ErrorCode, EspalierError, throwIfCancelled, toReport } from '../errors.ts';
import { totalBytes, type WriteJob } from '../files/chunks.ts';
import { readBack, saveFolder, saveZip, zipBlob } from '../files/save.ts';
import type { DirectoryTarget, FileTarget } from '../files/targets.ts';
import { defaultBudget } from '../memoryBudget.ts';
import { exportManifest } from '../model/export/manifest.ts';
import { healingOf, type StepChoice } from '../model/export/steps.ts';
import { withKit } from '../model/export/tensorFiles/manifest.ts';
import type { KitWindows } from '../model/interop/kit/check.ts';
import { handOverKit } from '../model/interop/kit/kit.ts';
import type { OpenedModel } from '../model/open/open.ts';
import { otherPrecisions } from '../model/open/precisions.ts';
import { deviceObstacle } from '../runtime/decode/runnable.ts';
import { routesOf } from '../runtime/device/selfTest.ts';
import { expectedNll, measureExport } from '../runtime/score/exported.ts';
import type { RoutedSession } from '../runtime/score/route.ts';
import { verifyPrecisions } from '../runtime/verify/combine.ts';
import { noNumbersOf } from '../runtime/verify/runs.ts';
import { NOT_HERE, VERIFY_TOKENS } from '../runtime/verify/verify.ts';
import { blocksLeft } from '../units.ts';
import { VERSION } from '../version.ts';

export interface ExportJob {
  /** What is written. */
  opened: OpenedModel;
  /** Matrices in few bits were made float32 for it; the session scores them as they are stored. */
  isFloats: boolean;
  source: FolderSource;
  request: ExportRequest;
  /** Token ids that the export is verified on. */
  window: readonly number[];
  session: () => Promise<RoutedSession>;
  /** The self-test of the GPU when it may be used, else null. */
  gpu: () => Promise<SelfTest | null>;
  /** Releases the weights of the session; whatever needs them next loads them again. */
  release: () => Promise<void>;
  /** Bytes that scoring and verification may take; undefined = the device's default. */
  budgetBytes: number | undefined;
  signal: AbortSignal;
  onEvent: (progress: Progress) => void;
}

interface Saved {
  name: string;
  written: Written;
  blob: Blob | null;
}

/** Share of the budget beyond which the studio's weights are released for the verification. */
const SHARED = 1 / 3;

/** Failures to score that say nothing about the written files. */
const isNotHere = (code: ErrorCode): boolean =>
  code.startsWith('unsupported-') || code === 'out-of-memory' || code === 'too-large';

/**
 * Writes and verifies. A cancelled or failed write leaves nothing that looks complete; a failed
 * verification leaves the files, marked failed.
 * @throws EspalierError `cancelled`, `bad-input` (blocks that cannot be removed), `missing-file`,
 *   `disk-full`
 */
export async function exportPruned(work: ExportJob): Promise<ExportResult> {
  const { opened, source, request, window, session, gpu, budgetBytes, signal, onEvent } = work;
  const started = performance.now();
  const { removed, score, plan, study, target, format, kit, steps = [], also = [] } = request;
  let nllObstacle: string | undefined;
  let hasSession = true;
  // A graph that this machine cannot score, or has no memory for, can still be written and
  // verified.
  const unlessNotHere = async <T>(find: () => Promise<T>): Promise<T | null> => {
    try {
      return await find();
    } catch (error) {
      if (!(error instanceof EspalierError) || !isNotHere(error.code)) throw error;
      nllObstacle = error.message;
      if (error.code.startsWith('unsupported-')) return null;
      hasSession = false;
      await work.release().catch(() => {});
      return null;
    }
  };
  const begin = (step: ExportStep, phase: Progress['phase']): void =>
    onEvent({ job: 'export', step, phase, done: 0, total: 0, unit: 'steps', secondsLeft: null });
  begin('source', 'read');
  const routed = opened.summary.canScore ? await unlessNotHere(session) : null;
  const others = request.allGraphs ? await otherPrecisions(opened) : [];
  // Healed values are rounded to what the files hold: the kit has the losses of that.
  const asWritten = async (windows: KitWindows): Promise<KitWindows | null> => {
    if (!healingOf(steps)) return windows;
    const plan = { source: opened, removed, steps, format: 'safetensors' } as const;
    const measure = await unlessNotHere(async () =>
      routed ? measureExport(routed.session, plan, windows.ids, signal) : null,
    );
    return measure && { ...windows, nll: measure.nllPerWindow };
  };
  const windows = kit?.windows ? await asWritten(kit.windows) : null;
  const planned = await exportManifest(opened, removed, {
    app: VERSION,
    others,
    score,
    plan,
    ...(study ? { study } : {}),
    ...(format ? { format } : {}),
    steps,
    also,
    versions: routed ? { [routed.engine.package]: routed.engine.version } : {},
  });
  const manifest = kit
    ? withKit(planned, handOverKit({ ...opened, removed }, { app: VERSION, windows }))
    : planned;
  const ids = window.slice(0, VERIFY_TOKENS);
  if (routed) begin('expect', 'verify');
  const running = performance.now();
  const onBlock = (done: number, total: number): void => {
    const step = { step: 'expect', phase: 'verify', unit: 'blocks' } as const;
    onEvent({ job: 'export', ...step, done, total, secondsLeft: timeLeft(running, done, total) });
  };
  /** What a precision of the plan must give. */
  const likelihoodOf = async (own: readonly StepChoice[]) => {
    if (!routed || !hasSession) return { nll: null, nllObstacle };
    nllObstacle = undefined;
    const { session: scoring } = routed;
    const of = { removed, steps: own, format: manifest.format };
    const nll = await unlessNotHere(() => expectedNll(scoring, opened, of, ids, signal, onBlock));
    const noNumbers = nll && (await unlessNotHere(() => noNumbersOf(scoring, nll, ids, signal)));
    return { nll, nllObstacle, noNumbers: noNumbers ?? undefined };
  };
  const likelihood = await likelihoodOf(steps);
  const further: { graph: string; steps: StepChoice[]; likelihood: typeof likelihood }[] = [];
  for (const one of manifest.also)
    further.push({ ...one, likelihood: await likelihoodOf(one.steps) });
  throwIfCancelled(signal);

  const writing = performance.now();
  const job: WriteJob = {
    files: manifest.files,
    source: opened.folder,
    signal,
    onProgress: (done, total) => {
      const step = { step: 'write', phase: 'write', unit: 'bytes' } as const;
      onEvent({ job: 'export', ...step, done, total, secondsLeft: timeLeft(writing, done, total) });
    },
  };
  const saved = await write(target, request.name, job);
  const preferred = routed?.engine.kind ?? 'wasm';
  const selfTest = preferred === 'webgpu' || deviceObstacle('wasm', opened) ? await gpu() : null;
  const kind = verifyingDevice(preferred, opened, selfTest);
  const subgroups = selfTest ? routesOf(selfTest.checks).subgroups : false;
  const bytes = totalBytes(manifest.files);
  if (
    routed &&
    bytes >
      SHARED * (budgetBytes ?? defaultBudget(routed.engine.kind, routed.engine.maxBufferBytes))
  )
    await work.release();
  const expected = {
    written: saved.written,
    window: [...ids],
    numBlocks: blocksLeft(opened.summary.numBlocks, removed),
    device: { kind, subgroups },
    budgetBytes,
  };
  const verification = await verifyPrecisions(
    { opened, others, graph: manifest.graph, likelihood, further },
    (graph, { graphPath }, found, own = steps) => {
      const from = { folder: source, graph: graphPath, removed, isFloats: work.isFloats };
      const request = { ...expected, ...found, steps: own, graph, source: from };
      return verifyInWorker(request, signal, onEvent);
    },
  );
  return {
    name: saved.name,
    files: manifest.files.map(({ path, size }) => ({ path, bytes: size })),
    bytes,
    seconds: (performance.now() - started) / 1000,
    loading: manifest.loading,
    leftOut: manifest.leftOut,
    remarks: manifest.remarks,
    blob: saved.blob,
    verification,
  };
}

/** Seconds to the end of a step at its pace so far; null while that says nothing yet. */
function timeLeft(started: number, done: number, total: number): number | null {
  const seconds = (performance.now() - started) / 1000;
  return done > 0 && seconds > 0.5 ? (seconds / done) * (total - done) : null;
}

/** The device that scored, unless it cannot run the written graph as it is and another one can. */
function verifyingDevice(
  preferred: DeviceKind,
  opened: OpenedModel,
  gpu: SelfTest | null,
): DeviceKind {
  if (deviceObstacle(preferred, opened) === null) return preferred;
  return preferred !== 'webgpu' && gpu ? 'webgpu' : 'wasm';
}

/** Writes files to where they were asked for. @throws EspalierError as `saveFolder` */
export async function write(
  target: ExportRequest['target'],
  name: string,
  job: WriteJob,
): Promise<Saved> {
  if (target.kind === 'folder') {
    const parent: DirectoryTarget = target.handle;
    const saved = await saveFolder(parent, name, job);
    return {
      name: saved.name,
      written: { kind: 'files', name: saved.name, files: await readBack(saved.handle, job.files) },
      blob: null,
    };
  }
  if (target.kind === 'zip-file') {
    const handle: FileTarget = target.handle;
    await saveZip(handle, name, job);
    return { name, written: { kind: 'zip', blob: await handle.getFile() }, blob: null };
  }
  const blob = await zipBlob(name, job);
  return { name, written: { kind: 'zip', blob }, blob };
}

/**
 * A worker of its own with a fresh runtime and fresh memory; it ends with its answer, or when the
 * job is cancelled.
 */
async function verifyInWorker(
  request: VerifyRequest,
  signal: AbortSignal,
  onEvent: (progress: Progress) => void,
): Promise<Verification> {
  throwIfCancelled(signal);
  const worker = new Worker(new URL('./verify.ts', import.meta.url), {
    type: 'module',
    name: 'espalier-verify',
  });
  let crashed = false;
  try {
    const stopped = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(cancelled()));
      worker.onerror = (event) => {
        event.preventDefault();
        crashed = true;
        reject(
          new EspalierError(
            'bug',
            'The verification worker stopped unexpectedly.',
            'Export again.',
            event.message ?? '',
          ),
        );
      };
    });
    stopped.catch(() => {});
    return (await Promise.race([
      call(wrap<RemoteMethods>(worker), 'verify', [request, onEvent]),
      stopped,
    ])) as Verification;
  } catch (error) {
    // Everything is written by now: a cancel only leaves it unverified.
    if (signal.aborted) return notVerified('cancelled before it was done', 'unverified');
    const detail =
      error instanceof EspalierError ? [error.message, error.hint].join(' ') : String(error);
    return notVerified(
      detail,
      crashed || NOT_HERE.has(toReport(error).code) ? 'unverified' : 'failed',
    );
  } finally {
    worker.terminate();
  }
}

function notVerified(detail: string, status: Verification['status']): Verification {
  return {
    status,
    checks: [{ name: 'verification', ok: false, detail }],
    device: null,
    seconds: 0,
  };
}
