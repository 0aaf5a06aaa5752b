// Checks a written export against its plan: structure, bytes, likelihoods, decoding. It reads the
// files again rather than trusting what the writer says.

import type { Progress } from '../../contract/progress.ts';
import type { Verification, VerifyCheck } from '../../contract/verify.ts';
import { EspalierError, isCancelled } from '../../errors.ts';
import { type OpenedModel, openModel } from '../../model/open/open.ts';
import type { Model } from '../../onnx/graph.ts';
import type { Folder } from '../../onnx/source.ts';
import type { Unit } from '../../units.ts';
import { GraphRunner } from '../decode/likelihood.ts';
import { deviceObstacle } from '../decode/runnable.ts';
import type { Engine } from '../device/engine.ts';
import { defaultBudget } from '../weights/budget.ts';
import { checkStructure, compareWithPlan, compareWithSource, plannedModel } from './files.ts';
import { failed, type Outcome, passed } from './outcome.ts';
import {
  compareDecoding,
  compareInParts,
  compareLikelihood,
  type ExpectedNll,
  sizeObstacle,
} from './runs.ts';

/**
 * Tokens of the window that is compared at most: enough to see every block, short enough for logits
 * of a large vocabulary.
 */
export const VERIFY_TOKENS = 64;
/**
 * Failures to run a graph that are due to this machine and say nothing about the files: what does
 * not run here may run where it is meant to.
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
  /** Number of remaining blocks. */
  numBlocks: number;
  /**
   * The model it was made from, where that is still available: every tensor is then compared byte
   * by byte.
   */
  source: { opened: OpenedModel; removed: readonly Unit[] } | null;
}

export interface VerifyOptions {
  /** Memory budget of the runs; by default that of scoring on this engine. */
  budgetBytes?: number | undefined;
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: Progress) => void) | undefined;
}

/**
 * Runs a check and records its result; false when it failed. `excusable` are error codes that say
 * nothing against the files.
 */
type Check = (
  name: string,
  run: () => Promise<Outcome>,
  excusable?: ReadonlySet<string>,
) => Promise<boolean>;

/**
 * Opens the written files again and compares. A check that cannot run counts as failed, except
 * where the graph has nothing to check (no caches). A graph that is too large to be run whole here
 * is run block by block: `in-parts`. One that this device cannot run (`deviceObstacle`) or hold
 * even so, or that loses the device, is `unverified`. Both only when everything that could be
 * checked passed.
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
  /** Failed because of this machine, which says nothing against the files. */
  const excused = new Set<VerifyCheck>();
  const total = 5;
  const report = (done: number, of = total, unit: Progress['unit'] = 'steps'): void =>
    options.onProgress?.({
      job: 'verify',
      phase: 'verify',
      done,
      total: of,
      unit,
      secondsLeft: null,
    });
  const check: Check = async (name, run, excusable = NONE) => {
    report(checks.length);
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
    return checkStructure(exported, expected.numBlocks);
  });
  const opened = exported as OpenedModel | null;
  if (opened) {
    const { source } = expected;
    if (source) {
      let planned: Model | null = null;
      await check('graph as planned', async () => {
        planned = plannedModel(source.opened, source.removed, expected.steps ?? []);
        return compareWithPlan(opened, planned);
      });
      await check('bytes of every tensor', async () =>
        planned
          ? compareWithSource(opened, planned, source.opened.folder, signal, (done, all) =>
              report(done, all, 'bytes'),
            )
          : failed('there is no planned graph to compare with'),
      );
    }
    const neverHere = deviceObstacle(engine.kind, opened);
    const tooLarge = sizeObstacle(opened, engine, budgetBytes);
    if (neverHere) notHere(neverHere);
    else if (tooLarge)
      notHere(`${tooLarge}. Decoding with the cache needs the whole graph and was not checked`);
    else await runWhole(opened, expected, engine, check, signal);
    // This includes graphs whose size was found to be too large only while they were loaded.
    const { window, nll, steps } = expected;
    const parts =
      !neverHere && excused.size > 0 && nll
        ? () => compareInParts(opened, engine, { window, nll, steps }, budgetBytes, signal)
        : null;
    if (parts) inParts = await check('likelihood of one window, block by block', parts, NOT_HERE);
  }
  report(total);
  const allPassed = checks.every((c) => c.ok || excused.has(c));
  const whole = excused.size === 0 && checks.some((c) => c.name === DECODING);
  const status = (): Verification['status'] => {
    if (!allPassed) return 'failed';
    if (whole) return 'verified';
    if (inParts) return 'in-parts';
    return excused.size > 0 ? 'unverified' : 'failed';
  };
  return {
    status: status(),
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
        return passed(`ONNX Runtime ${engine.version} opened the written files`);
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

/** The outcome of a check; an error is a failure with its code. */
async function attempt(
  name: string,
  run: () => Promise<Outcome>,
): Promise<VerifyCheck & { code?: string }> {
  try {
    return { name, ...(await run()) };
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
