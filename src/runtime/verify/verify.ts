// Holds a written export against its plan: structure, bytes, likelihoods, decoding; must not repair
// anything or trust what it is told.

import type { Progress } from '../../contract/progress.ts';
import type { Verification, VerifyCheck } from '../../contract/verify.ts';
import { EspalierError, isCancelled } from '../../errors.ts';
import { type OpenedModel, openModel } from '../../model/open/open.ts';
import type { Folder } from '../../onnx/source.ts';
import type { Unit } from '../../units.ts';
import { GraphRunner } from '../decode/likelihood.ts';
import { whyNotOn } from '../decode/runnable.ts';
import type { Engine } from '../device/engine.ts';
import { defaultBudget } from '../weights/budget.ts';
import { compareWithPlan, compareWithSource, plannedModel, structureProblems } from './files.ts';
import {
  compareDecoding,
  compareInParts,
  compareLikelihood,
  type ExpectedNll,
  whyNotWhole,
} from './runs.ts';

/**
 * Tokens of the window that is compared at most: enough to see every block, short enough for logits
 * of a large vocabulary.
 */
export const VERIFY_TOKENS = 64;
/**
 * Failures to run a graph that lie in this machine and say nothing of the files: what does not run
 * here may run where it is meant to.
 */
export const NOT_HERE: ReadonlySet<string> = new Set([
  'out-of-memory',
  'too-large',
  'device-lost',
  'no-webgpu',
]);
const NONE: ReadonlySet<string> = new Set();
const DECODING = 'decoding with the cache';

/** What the export must be. Take the first VERIFY_TOKENS of a scored window. */
export interface Expectation extends ExpectedNll {
  /** Number of blocks that are left. */
  numBlocks: number;
  /**
   * The model it was made of, where it is still at hand: every tensor is then compared byte by
   * byte.
   */
  source: { opened: OpenedModel; removed: readonly Unit[] } | null;
}

export interface VerifyOptions {
  /** Bytes that the runs may take; by default what scoring may take on this engine. */
  budgetBytes?: number | undefined;
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: Progress) => void) | undefined;
}

/**
 * Runs a check and keeps its result; false when it failed. `excusable` are codes that say nothing
 * against the files.
 */
type Check = (
  name: string,
  run: () => Promise<string>,
  excusable?: ReadonlySet<string>,
) => Promise<boolean>;

/**
 * Re-opens what was written and compares. A check that cannot run counts as failed, except where
 * the graph has no such thing (no caches). A graph that is too large to be run whole here is run
 * block by block and ends as `in-parts`; one that this device must not run (`whyNotOn`), cannot
 * hold even so or is lost with ends as `unverified`; both only when all that could be checked is
 * right.
 * @throws EspalierError `cancelled` only; everything else ends as a failed check.
 */
export async function verifyExport(
  folder: Folder,
  graphPath: string,
  expected: Expectation,
  engine: Engine,
  options: VerifyOptions = {},
): Promise<Verification> {
  const started = performance.now();
  const { signal, budgetBytes = defaultBudget(engine.kind, engine.maxBufferBytes) } = options;
  const checks: VerifyCheck[] = [];
  /** Failed for what this machine cannot do, which says nothing against the files. */
  const excused = new Set<VerifyCheck>();
  const total = 5;
  const tell = (done: number, of = total, unit: Progress['unit'] = 'steps'): void =>
    options.onProgress?.({
      job: 'verify',
      phase: 'verify',
      done,
      total: of,
      unit,
      secondsLeft: null,
    });
  const check: Check = async (name, run, excusable = NONE) => {
    tell(checks.length);
    const { code, ...result } = await attempt(name, run);
    checks.push(result);
    if (code && excusable.has(code)) excused.add(result);
    return result.ok;
  };
  const notHere = (why: string): void => {
    const result = { name: 'runs whole', ok: false, detail: `not run here: ${why}` };
    checks.push(result);
    excused.add(result);
  };

  let exported: OpenedModel | null = null;
  let inParts = false;
  await check('structure', async () => {
    exported = await openModel(folder, graphPath);
    return structureProblems(exported, expected.numBlocks);
  });
  const opened = exported as OpenedModel | null;
  if (opened) {
    const { source } = expected;
    if (source) {
      const planned = plannedModel(source.opened, source.removed, expected.steps ?? []);
      await check('graph as planned', async () => compareWithPlan(opened, planned));
      await check('bytes of every tensor', () =>
        compareWithSource(opened, planned, source.opened.folder, signal, (done, all) =>
          tell(done, all, 'bytes'),
        ),
      );
    }
    const neverHere = whyNotOn(engine.kind, opened);
    const tooLarge = whyNotWhole(opened, engine, budgetBytes);
    if (neverHere) notHere(neverHere);
    else if (tooLarge)
      notHere(`${tooLarge}. Decoding with the cache needs the whole graph and was not checked`);
    else await runWhole(opened, expected, engine, check, signal);
    // Also where the whole graph was refused for its size only while it was loaded.
    const { window, nll, steps } = expected;
    const parts =
      !neverHere && excused.size > 0 && nll
        ? () => compareInParts(opened, engine, { window, nll, steps }, budgetBytes, signal)
        : null;
    if (parts) inParts = await check('likelihood of one window, block by block', parts, NOT_HERE);
  }
  tell(total);
  const right = checks.every((c) => c.ok || excused.has(c));
  const whole = excused.size === 0 && checks.some((c) => c.name === DECODING);
  return {
    status: !right
      ? 'failed'
      : whole
        ? 'verified'
        : inParts
          ? 'in-parts'
          : excused.size > 0
            ? 'unverified'
            : 'failed',
    checks,
    device: engine.name,
    seconds: (performance.now() - started) / 1000,
  };
}

/** Loads the written files as ONNX Runtime loads any model, and runs them. */
async function runWhole(
  opened: OpenedModel,
  expected: Expectation,
  engine: Engine,
  check: Check,
  signal: AbortSignal | undefined,
): Promise<void> {
  let runner: GraphRunner | null = null;
  try {
    await check(
      'loads',
      async () => {
        runner = await GraphRunner.open(opened, engine, { signal, standInEmbeddings: true });
        return `ONNX Runtime ${engine.version} opened the written files`;
      },
      NOT_HERE,
    );
    const ready = runner as GraphRunner | null;
    if (!ready) return;
    await check(
      'likelihood of one window',
      () => compareLikelihood(ready, opened, expected),
      NOT_HERE,
    );
    await check(DECODING, () => compareDecoding(ready, opened, expected.window, signal), NOT_HERE);
  } finally {
    await (runner as GraphRunner | null)?.dispose();
  }
}

/** A check's sentence, or its failure with its code. Plain errors carry the numbers that differ. */
async function attempt(
  name: string,
  run: () => Promise<string>,
): Promise<VerifyCheck & { code?: string }> {
  try {
    return { name, ok: true, detail: await run() };
  } catch (error) {
    if (isCancelled(error)) throw error;
    if (!(error instanceof EspalierError))
      return { name, ok: false, detail: error instanceof Error ? error.message : String(error) };
    return {
      name,
      ok: false,
      detail: `${error.message}${error.detail ? ` (${error.detail})` : ''}`,
      code: error.code,
    };
  }
}
