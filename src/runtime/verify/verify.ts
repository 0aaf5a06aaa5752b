// Checks a written export against its plan: structure, bytes, likelihoods, decoding. It reads the
// files again rather than trusting what the writer says.

import type { ExportStep, Progress } from '../../contract/progress.ts';
import type { Verification, VerifyCheck } from '../../contract/verify.ts';
import { EspalierError, isCancelled, toReport } from '../../errors.ts';
import { defaultBudget } from '../../memoryBudget.ts';
import type { ExportedFile } from '../../model/export/manifest.ts';
import { quantisationOf, type StepChoice, widthOf } from '../../model/export/steps.ts';
import { type OpenedModel, openModel } from '../../model/open/open.ts';
import { roundedAgain } from '../../model/width/cut.ts';
import type { Folder } from '../../onnx/source.ts';
import type { Unit } from '../../units.ts';
import { GraphRunner } from '../decode/likelihood.ts';
import { deviceObstacle } from '../decode/runnable.ts';
import type { Engine } from '../device/engine.ts';
import { UnreadableSource } from './bytes.ts';
import { differsToo, excuseOf, lacksKernel, type Original } from './excuse.ts';
import {
  checkStream,
  checkStructure,
  compareWithPlan,
  compareWithSource,
  plannedFiles,
} from './files.ts';
import { narrowedSource } from './narrowed.ts';
import { failed, type Outcome, passed } from './outcome.ts';
import {
  compareDecoding,
  compareInParts,
  compareLikelihood,
  type ExpectedNll,
  loadEachFile,
  mayRunSource,
  sizeObstacle,
} from './runs.ts';
import { compareSilenced, silencedSource } from './silenced.ts';
import { compareTensors, withStoredChanges } from './tensorFiles.ts';

/**
 * Tokens of the window that is compared at most: enough to see every block, short enough for logits
 * of a large vocabulary.
 */
export const VERIFY_TOKENS = 64;

/** Tokens of the window for a model: no more than its context has. */
export const verifyTokens = ({ contextLength }: { contextLength: number | null }): number =>
  Math.min(VERIFY_TOKENS, Math.max(2, contextLength ?? VERIFY_TOKENS));

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
const SILENCED = 'source without what was removed';
const DECODING = 'decoding with the cache';
const IN_PARTS = 'likelihood of one window, block by block';

/** The step that each check is, by its name. */
const STEPS: Readonly<Record<string, ExportStep>> = {
  structure: 'reopen',
  'graph as planned': 'graph',
  'residual stream': 'graph',
  'bytes of every tensor': 'bytes',
  loads: 'load',
  'likelihood of one window': 'likelihood',
  [SILENCED]: 'likelihood',
  [DECODING]: 'decode',
  [IN_PARTS]: 'parts',
};

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
 * Why an error of a check says nothing against the files, as words to put before it (none where it
 * says so itself); null when it is a failure.
 */
type Excuse = (error: unknown) => string | null | Promise<string | null>;

/** Runs a check and records its result; false when it failed. */
type Check = (name: string, run: () => Promise<Outcome>, excuse?: Excuse) => Promise<boolean>;

const ofReading: Excuse = (error) =>
  error instanceof UnreadableSource ? 'the source cannot be read any more: ' : ofThisMachine(error);

const ofThisMachine: Excuse = (error) => (NOT_HERE.has(toReport(error).code) ? '' : null);

/**
 * Opens the written files again and compares. A check that cannot run counts as failed, except
 * where the graph has nothing to check (no caches). A graph that is too large to be run whole here
 * is run block by block: `in-parts`. One that this device cannot run (`deviceObstacle`, or the
 * original fails here for the same reason, or is too large to be tried) or hold even so, or that
 * loses the device, is `unverified`, as is one whose source gives no numbers to compare with,
 * differs in the same way, or cannot be read any more. Both only when everything that could be
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
  const total = 8;
  let step: ExportStep | undefined;
  let stepStarted = started;
  const report = (done: number, of = total, unit: Progress['unit'] = 'steps'): void => {
    const seconds = (performance.now() - stepStarted) / 1000;
    const known = unit === 'bytes' && done > 0 && seconds > 0.5;
    options.onProgress?.({
      job: 'verify',
      ...(step && { step }),
      phase: 'verify',
      done,
      total: of,
      unit,
      secondsLeft: known ? (seconds / done) * (of - done) : null,
    });
  };
  const check: Check = async (name, run, excuse = () => null) => {
    step = STEPS[name];
    stepStarted = performance.now();
    report(checks.length);
    const { error, excuse: known, ...result } = await attempt(name, run);
    const why = error === undefined ? (known ?? null) : await excuse(error);
    checks.push(result);
    if (why !== null) {
      result.detail = why + result.detail;
      excused.add(result);
    }
    return result.ok;
  };
  const notHere = (why: string): void => {
    const result = { name: 'runs whole', ok: false, detail: `not run here: ${why}` };
    checks.push(result);
    excused.add(result);
  };

  let exported: OpenedModel | null = null;
  let inParts = false;
  let noKernel = false;
  await check(
    'structure',
    async () => {
      exported = await openModel(folder, graphPath);
      return checkStructure(exported, expected.numBlocks);
    },
    ofThisMachine,
  );
  const opened = exported as OpenedModel | null;
  if (opened) {
    const { source } = expected;
    if (source && opened.tensorSource)
      await check(
        'bytes of every tensor',
        () =>
          compareTensors(
            ...([opened, source.opened, source.removed, expected.steps ?? []] as const),
            signal,
            (done, all) => report(done, all, 'bytes'),
          ),
        ofReading,
      );
    else if (source) {
      let planned: ExportedFile[] | null = null;
      await check('graph as planned', async () => {
        planned = plannedFiles(source.opened, source.removed, expected.steps ?? []);
        return compareWithPlan(opened, planned);
      });
      await check('residual stream', async () =>
        checkStream(opened, source.opened, source.removed, expected.steps ?? []),
      );
      await check(
        'bytes of every tensor',
        async () =>
          planned
            ? compareWithSource(opened, planned, source.opened, signal, (done, all) =>
                report(done, all, 'bytes'),
              )
            : failed('there is no planned graph to compare with'),
        ofReading,
      );
    }
    const neverHere = deviceObstacle(engine.kind, opened);
    const tooLarge = sizeObstacle(opened, engine, budgetBytes);
    if (neverHere) notHere(neverHere);
    else if (tooLarge)
      notHere(`${tooLarge}. Decoding with the cache needs the whole graph and was not checked`);
    else {
      const original = source && { opened: source.opened, engine, budgetBytes, signal };
      noKernel = await runWhole(opened, expected, engine, check, original, signal);
    }
    // This includes graphs whose size was found to be too large only while they were loaded.
    const { window, nll, steps } = expected;
    const parts =
      !neverHere && !noKernel && excused.size > 0 && nll && Array.from(nll).every(Number.isFinite)
        ? () => compareInParts(opened, engine, { window, nll, steps }, budgetBytes, signal)
        : null;
    if (parts) inParts = await check(IN_PARTS, parts, ofThisMachine);
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
    device: { kind: engine.kind, name: engine.name },
    seconds: (performance.now() - started) / 1000,
  };
}

/**
 * Loads the written files as ONNX Runtime loads any model, and runs them.
 * @returns true when this device cannot run the original either, for the same reason
 */
async function runWhole(
  opened: OpenedModel,
  expected: Expectation,
  engine: Engine,
  check: Check,
  original: Original | null,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  let runner: GraphRunner | null = null;
  let noKernel = false;
  const excuse =
    (work?: (runner: GraphRunner) => Promise<unknown>): Excuse =>
    async (error) => {
      const here = await ofThisMachine(error);
      if (here !== null || !original) return here;
      const found = await excuseOf(error, original, work);
      if (found?.tried) noKernel = true;
      if (!found && (expected.steps ?? []).length > 0 && lacksKernel(error))
        return 'this device has no kernel for what a step of the export makes: ';
      return found?.words ?? null;
    };
  try {
    await check(
      'loads',
      async () => {
        await loadEachFile(opened, engine, signal);
        runner = await GraphRunner.open(opened, engine, { signal, standIns: true });
        return passed(`ONNX Runtime ${engine.version} opened the written files`);
      },
      excuse(),
    );
    const ready = runner as GraphRunner | null;
    if (!ready) return noKernel;
    const { window } = expected;
    await check(
      'likelihood of one window',
      () => compareLikelihood(ready, opened, expected),
      excuse((whole) => whole.nllPerToken(window)),
    );
    const { source } = expected;
    const worthwhile =
      original && mayRunSource(original.opened, engine, original.budgetBytes, !expected.nll);
    const silenced = source && worthwhile ? await silencedOf(opened, source, expected.steps) : null;
    if (silenced)
      await check(SILENCED, () => compareSilenced(ready, opened, silenced, window, engine, signal));
    await check(
      DECODING,
      async () => {
        const outcome = await compareDecoding(ready, opened, window, signal);
        if (outcome.ok || outcome.excuse !== undefined || !original) return outcome;
        const own = (whole: GraphRunner) => compareDecoding(whole, original.opened, window, signal);
        const why = await differsToo(original, own);
        return why === null ? outcome : { ...outcome, excuse: why };
      },
      excuse((whole) => compareDecoding(whole, original?.opened ?? opened, window, signal)),
    );
    return noKernel;
  } finally {
    await (runner as GraphRunner | null)?.dispose();
  }
}

/** What `silencedSource` makes; the healed values of tensor files are those that they hold. */
async function silencedOf(
  exported: OpenedModel,
  { opened, removed }: NonNullable<Expectation['source']>,
  steps: readonly StepChoice[] = [],
): Promise<OpenedModel | null> {
  const width = widthOf(steps);
  if (width) {
    // Few bits of what is narrower are other bits.
    const rounded = quantisationOf(steps) || roundedAgain(opened.structure, width) > 0;
    return rounded ? null : narrowedSource(opened, width);
  }
  if (!exported.tensorSource) return silencedSource(opened, removed, steps);
  return silencedSource(await withStoredChanges(opened, steps), removed);
}

/** The outcome of a check; an error is a failure. */
async function attempt(
  name: string,
  run: () => Promise<Outcome>,
): Promise<VerifyCheck & Outcome & { error?: unknown }> {
  try {
    return { name, ...(await run()) };
  } catch (error) {
    if (isCancelled(error)) throw error;
    const { message } = toReport(error);
    const more = error instanceof EspalierError && error.detail ? ` (${error.detail.trim()})` : '';
    return { name, ok: false, detail: `${message}${more}`, error };
  }
}
