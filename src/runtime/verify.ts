// Holds a written export against its plan: structure, bytes, likelihoods, decoding; must not repair anything or trust what it is told.

import { EspalierError, isCancelled } from '../errors.ts';
import { type OpenedModel, openModel } from '../model/open.ts';
import type { Folder } from '../onnx/source.ts';
import type { Unit } from '../units.ts';
import type { Progress, Verification, VerifyCheck } from '../worker/api.ts';
import { Decoder } from './decoder.ts';
import type { Engine } from './device.ts';
import { GraphRunner } from './generate.ts';
import { generateGreedily } from './greedy.ts';
import { whyNotOn } from './runnable.ts';
import { precisionOf, TOLERANCES } from './tolerances.ts';
import { compareWithPlan, compareWithSource, structureProblems } from './verifyFiles.ts';

/** Tokens of the window that is compared at most: enough to see every block, short enough for logits of a large vocabulary. */
export const VERIFY_TOKENS = 64;
const DECODE_STEPS = 8;
const PROMPT_TOKENS = 12;
/** Prefixes of the window that a graph with logits of the last token only is compared on. */
const PREFIXES = 8;
/** Failures to open a graph that lie in the size of this machine. */
const NOT_HERE: ReadonlySet<string> = new Set(['out-of-memory', 'too-large']);
const DECODING = 'decoding with the cache';

/** What the export must be. */
export interface Expectation {
  /** Token ids; at least 2. Take the first VERIFY_TOKENS of a scored window. */
  window: readonly number[];
  /** The studio's own NLL of window[1..] for this plan, in nats; null when the graph gives no per-token logits. */
  nll: ArrayLike<number> | null;
  /** Why there is none, where it is not the graph's form. */
  whyNoNll?: string | undefined;
  /** Number of blocks that are left. */
  numBlocks: number;
  /** The model it was made of, where it is still at hand: every tensor is then compared byte by byte. */
  source: { opened: OpenedModel; removed: readonly Unit[] } | null;
}

export interface VerifyOptions {
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: Progress) => void) | undefined;
}

/**
 * Re-opens what was written and compares. A check that cannot run counts as failed, except where the graph has no such thing (no caches).
 * A graph that this device must not run (`whyNotOn`) or cannot hold ends as `unverified` when structure and bytes are right.
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
  const checks: VerifyCheck[] = [];
  const total = 5;
  const tell = (done: number): void =>
    options.onProgress?.({ job: 'verify', phase: 'verify', done, total, unit: 'steps', secondsLeft: null });
  const check = async (name: string, run: () => Promise<string>): Promise<boolean> => {
    tell(checks.length);
    const result = await attempt(name, run);
    checks.push(result);
    return result.ok;
  };

  let notHere = false;
  let exported: OpenedModel | null = null;
  await check('structure', async () => {
    exported = await openModel(folder, graphPath);
    return structureProblems(exported, expected.numBlocks);
  });
  const opened = exported as OpenedModel | null;
  if (opened) {
    const { source } = expected;
    if (source) {
      await check('graph as planned', async () => compareWithPlan(opened, source.opened, source.removed));
      await check('bytes of every tensor', () => compareWithSource(opened, source.opened, options.signal));
    }
    const reason = whyNotOn(engine.kind, opened);
    if (reason) {
      notHere = checks.every((c) => c.ok);
      checks.push({ name: 'runs', ok: false, detail: `not run here: ${reason}` });
    }
    let runner: GraphRunner | null = null;
    try {
      const loads =
        !reason &&
        (await check('loads', async () => {
          runner = await GraphRunner.open(opened, engine, { signal: options.signal, standInEmbeddings: true }).catch((error: unknown) => {
            // What does not fit here may fit where it is meant to run: that says nothing against the files.
            if (error instanceof EspalierError && NOT_HERE.has(error.code)) notHere = checks.every((c) => c.ok);
            throw error;
          });
          return `ONNX Runtime ${engine.version} opened the written files`;
        }));
      const ready = runner as GraphRunner | null;
      if (loads && ready) {
        await check('likelihood of one window', () => compareLikelihood(ready, opened, expected));
        await check(DECODING, () => compareDecoding(ready, opened, expected.window, options.signal));
      }
    } finally {
      await (runner as GraphRunner | null)?.dispose();
    }
  }
  tell(total);
  return {
    status: notHere ? 'unverified' : checks.every((c) => c.ok) && checks.some((c) => c.name === DECODING) ? 'verified' : 'failed',
    checks,
    device: engine.name,
    seconds: (performance.now() - started) / 1000,
  };
}

/** A check's sentence, or its failure. Thrown plain errors with the name `Mismatch` carry the numbers that differ. */
async function attempt(name: string, run: () => Promise<string>): Promise<VerifyCheck> {
  try {
    return { name, ok: true, detail: await run() };
  } catch (error) {
    if (isCancelled(error)) throw error;
    if (error instanceof EspalierError) return { name, ok: false, detail: `${error.message}${error.detail ? ` (${error.detail})` : ''}` };
    return { name, ok: false, detail: error instanceof Error ? error.message : String(error) };
  }
}

async function compareLikelihood(runner: GraphRunner, opened: OpenedModel, expected: Expectation): Promise<string> {
  if (!expected.nll)
    return `not compared: ${expected.whyNoNll ?? 'the graph gives no likelihoods of a text (no logits for every token, or embeddings in place of token ids)'}`;
  // A graph that keeps the last position is asked for a few of them, one prefix at a time.
  const whole = await runner.nllPerToken(expected.window);
  const at = whole ? null : spread(expected.nll.length, PREFIXES);
  const found = whole ?? (await runner.nllOfLast((at ?? []).map((t) => expected.window.slice(0, t + 2))));
  const wanted = at ? at.map((t) => expected.nll?.[t] ?? Number.NaN) : expected.nll;
  if (found.length !== wanted.length)
    throw new Error(`the written graph gives ${found.length} values for ${wanted.length} predicted tokens`);
  const precision = precisionOf(opened);
  const limit = TOLERANCES[precision];
  let sumFound = 0;
  let sumExpected = 0;
  let worst = 0;
  for (const [t, value] of found.entries()) {
    const own = wanted[t] ?? Number.NaN;
    sumFound += value;
    sumExpected += own;
    const difference = Math.abs(value - own) / Math.max(1, Math.abs(own));
    worst = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(worst, difference);
  }
  const [mean, own] = [sumFound / found.length, sumExpected / found.length];
  const relative = Math.abs(mean - own) / Math.max(Math.abs(own), 1e-3);
  const where = at ? ` (over the last token of ${at.length} prefixes)` : '';
  const detail = `NLL${where} ${mean.toFixed(6)} against ${own.toFixed(6)} here: ${relative.toExponential(1)} relative, ${worst.toExponential(1)} at the worst token (limits ${limit.mean}, ${limit.token}; ${precision})`;
  if (!(relative <= limit.mean && worst <= limit.token)) throw new Error(detail);
  return detail;
}

/** At most `count` indices from 0 to n - 1, the last one included. */
function spread(n: number, count: number): number[] {
  const few = Math.min(n, count);
  return Array.from({ length: few }, (_, k) => Math.floor(((k + 1) * n) / few) - 1);
}

/** Eight steps with the cache, fed with the greedy ids of the cacheless run, must give its logits. */
async function compareDecoding(
  runner: GraphRunner,
  opened: OpenedModel,
  window: readonly number[],
  signal: AbortSignal | undefined,
): Promise<string> {
  const prompt = window.slice(0, Math.max(1, Math.min(PROMPT_TOKENS, window.length - 1)));
  const decode = async (cache: boolean, forced: readonly number[] = []) => {
    const decoder = await Decoder.over(runner.loaded, { cache });
    try {
      return await generateGreedily(decoder, prompt, DECODE_STEPS, { keepLogits: true, forced, signal });
    } finally {
      decoder.close();
    }
  };
  const plain = await decode(false);
  if (runner.loaded.io.states.length === 0) return `${DECODE_STEPS} steps ran; the graph has no cache to compare with`;
  const cached = await decode(true, plain.ids);
  let worst = 0;
  for (const [step, logits] of plain.logits.entries()) {
    const other = cached.logits[step] ?? new Float32Array();
    let scale = 1;
    let largest = 0;
    for (const [id, value] of logits.entries()) {
      scale = Math.max(scale, Math.abs(value));
      const difference = Math.abs(value - (other[id] ?? Number.NaN));
      largest = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(largest, difference);
    }
    worst = Math.max(worst, largest / scale);
  }
  const precision = precisionOf(opened);
  const limit = TOLERANCES[precision].logits;
  const detail = `${DECODE_STEPS} steps after ${prompt.length} tokens: logits with and without the cache differ by ${worst.toExponential(1)} of their size (limit ${limit}; ${precision})`;
  if (!(worst <= limit)) throw new Error(detail);
  return detail;
}
