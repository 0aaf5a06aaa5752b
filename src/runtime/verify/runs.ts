// The checks of an export that run it: likelihoods and decoding with the whole graph, or
// likelihoods block by block within the budget.

import { defaultBudget } from '../../memoryBudget.ts';
import type { StepChoice } from '../../model/export/steps.ts';
import type { OpenedModel } from '../../model/open/open.ts';
import { filesOf } from '../../onnx/bytes.ts';
import { formatBytes } from '../../quantities.ts';
import { Decoder } from '../decode/decoder.ts';
import { generateGreedily } from '../decode/greedy.ts';
import { GraphRunner } from '../decode/likelihood.ts';
import { diskFolder } from '../decode/loadGraph.ts';
import type { Engine } from '../device/engine.ts';
import { sourceWords } from '../pass/notFinite.ts';
import { ScoreSession } from '../score/session.ts';
import { failed, type Outcome, passed, unverified } from './outcome.ts';
import { limitsOf, precisionOf, TOLERANCES } from './tolerances.ts';

const DECODE_STEPS = 8;
const PROMPT_TOKENS = 12;
/** Prefixes of the window that a graph with logits of the last token only is compared on. */
const PREFIXES = 8;

const NO_LIKELIHOODS =
  'the graph gives no likelihoods of a text (no logits for every token, or embeddings in ' +
  'place of token ids)';

/** What scoring found for the plan. */
export interface ExpectedNll {
  /** Token ids; at least 2. */
  window: readonly number[];
  /** NLL of window[1..], nats; null when the graph gives no per-token logits. */
  nll: ArrayLike<number> | null;
  /** Why `nll` is null, unless the form of the graph is the reason. */
  nllObstacle?: string | undefined;
  /**
   * Where `nll` is not finite because the source's is not either: that, as words to end a sentence
   * ("the source itself gives NaN: …").
   */
  noNumbers?: string | undefined;
  /** What was done to the model after the removal: steps may ask for closer agreement. */
  steps?: readonly StepChoice[] | undefined;
}

/**
 * `noNumbers` for the NLL that scoring found of a plan: undefined where that is finite, or the
 * source's is. @throws EspalierError as `ScoreSession.nllPerToken`
 */
export async function noNumbersOf(
  session: ScoreSession,
  nll: Float32Array,
  window: readonly number[],
  signal?: AbortSignal,
): Promise<string | undefined> {
  if (nll.every(Number.isFinite)) return undefined;
  const found = await session.notFinite(window, signal);
  return found ? sourceWords(found) : undefined;
}

/** Bytes of the graph file and of all files that its tensors lie in. */
function graphBytes({ whole, folder }: OpenedModel): number {
  const files = new Set([...(whole.path === null ? [] : [whole.path]), ...filesOf(whole.model)]);
  return [...files].reduce((sum, path) => sum + (folder.open(path)?.size ?? 0), 0);
}

/** Files of this size are read in a moment: what another run of them tells is worth it. */
const CHEAP_BYTES = 64 * 2 ** 20;

/** True where the source may be run whole beside its export: it is small, or all there is. */
export function mayRunSource(
  source: OpenedModel,
  engine: Engine,
  budgetBytes: number,
  always: boolean,
): boolean {
  return (
    (always || graphBytes(source) <= CHEAP_BYTES) &&
    sizeObstacle(source, engine, budgetBytes / 2) === null
  );
}

/** Why the graph is too large to be run whole on this engine within `budgetBytes`, or null. */
export function sizeObstacle(
  opened: OpenedModel,
  engine: Engine,
  budgetBytes: number,
): string | null {
  const bytes = graphBytes(opened);
  const size = `the graph and its weights are ${formatBytes(bytes)}`;
  if (bytes > engine.maxGraphBytes)
    return `${size}, and the ${engine.name} can load ${formatBytes(engine.maxGraphBytes)} at most`;
  const { diskCopies, loadCopies } = engine;
  const fromDisk = diskCopies !== null && diskFolder(opened) !== null;
  const needed = (fromDisk ? diskCopies : loadCopies) * bytes;
  // Files that are held whole before their upload lie in ordinary memory.
  const onHost = engine.onHost ? engine.kind : 'wasm';
  const most = engine.streamsBlobs
    ? budgetBytes
    : Math.min(budgetBytes, defaultBudget(onHost, engine.maxBufferBytes));
  return needed > most
    ? `${size}; loading them takes ${formatBytes(needed)}, but the budget is ${formatBytes(most)}`
    : null;
}

/**
 * Loads each decoder file by itself where the model is run as a graph put together from several,
 * which no loader sees. Errors as `GraphRunner.open`.
 */
export async function loadEachFile(
  opened: OpenedModel,
  engine: Engine,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (opened.whole.path !== null) return;
  for (const { path, model, copies } of opened.decoders) {
    const merged = copies.length > 1 ? opened.whole.merged : null;
    const alone = { ...opened, structure: copies[0]!, whole: { path, model, merged } };
    const runner = await GraphRunner.open(alone, engine, { signal, standIns: true });
    await runner.dispose();
  }
}

/** NLL of the window by the whole graph. */
export async function compareLikelihood(
  runner: GraphRunner,
  opened: OpenedModel,
  expected: ExpectedNll,
): Promise<Outcome> {
  if (!expected.nll) return passed(`not compared: ${expected.nllObstacle ?? NO_LIKELIHOODS}`);
  // A graph that keeps the last position is asked for a few of them, one prefix at a time.
  const whole = await runner.nllPerToken(expected.window);
  const at = whole ? null : spread(expected.nll.length, PREFIXES);
  const found =
    whole ?? (await runner.nllOfLast((at ?? []).map((t) => expected.window.slice(0, t + 2))));
  const reference = at ? at.map((t) => expected.nll?.[t] ?? Number.NaN) : expected.nll;
  return agreement(
    found,
    reference,
    opened,
    expected,
    at ? ` (over the last token of ${at.length} prefixes)` : '',
  );
}

/**
 * NLL of the window by programs cut out of the written graph, with weights read from the written
 * files block by block: memory stays under the budget, whatever the size.
 * @throws EspalierError as `ScoreSession.nllPerToken`
 */
export async function compareInParts(
  opened: OpenedModel,
  engine: Engine,
  { window, nll, steps = [] }: ExpectedNll & { nll: ArrayLike<number> },
  budgetBytes: number,
  signal: AbortSignal | undefined,
): Promise<Outcome> {
  const session = ScoreSession.open(opened, engine, { streamed: true, budgetBytes });
  try {
    return agreement(await session.nllPerToken([], window, signal), nll, opened, { steps }, '');
  } finally {
    await session.dispose();
  }
}

/**
 * Whether NLLs agree within what the precision of the graph allows, with the numbers. Tokens at
 * which neither side has a number say nothing: then the rest must agree, and it stays unverified.
 */
function agreement(
  found: ArrayLike<number>,
  reference: ArrayLike<number>,
  opened: OpenedModel,
  { steps = [], noNumbers }: Pick<ExpectedNll, 'steps' | 'noNumbers'>,
  where: string,
): Outcome {
  if (found.length !== reference.length)
    return failed(
      `the written graph gives ${found.length} values for ${reference.length} predicted tokens`,
    );
  const precision = precisionOf(opened);
  const limit = limitsOf(precision, steps);
  let sumFound = 0;
  let sumExpected = 0;
  let worst = 0;
  let compared = 0;
  for (const [t, value] of Array.from(found).entries()) {
    const own = reference[t] ?? Number.NaN;
    if (!Number.isFinite(value) && !Number.isFinite(own)) continue;
    compared += 1;
    sumFound += value;
    sumExpected += own;
    const difference = Math.abs(value - own) / Math.max(1, Math.abs(own));
    worst = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(worst, difference);
  }
  const count = found.length;
  const none =
    `no numbers at ${count - compared} of ${count} tokens, in scoring as in the written files: ` +
    (noNumbers ?? 'the pruned model gives none');
  if (compared === 0) return unverified(none);
  const [mean, own] = [sumFound / compared, sumExpected / compared];
  const relative = Math.abs(mean - own) / Math.max(Math.abs(own), 1e-3);
  const detail =
    `NLL${where} ${mean.toFixed(6)} against ${own.toFixed(6)} here: ` +
    `${relative.toExponential(1)} relative, ${worst.toExponential(1)} at the worst token ` +
    `(limits ${limit.mean}, ${limit.token}; ${precision})`;
  const ok = relative <= limit.mean && worst <= limit.token;
  return ok && compared < count ? unverified(`${none}; elsewhere ${detail}`) : { ok, detail };
}

/** At most `count` indices from 0 to n - 1, the last one included. */
function spread(n: number, count: number): number[] {
  const few = Math.min(n, count);
  return Array.from({ length: few }, (_, k) => Math.floor(((k + 1) * n) / few) - 1);
}

/**
 * Eight steps with the cache, fed with the greedy ids of the cacheless run, must give its logits.
 */
export async function compareDecoding(
  runner: GraphRunner,
  opened: OpenedModel,
  window: readonly number[],
  signal: AbortSignal | undefined,
): Promise<Outcome> {
  const prompt = window.slice(0, Math.max(1, Math.min(PROMPT_TOKENS, window.length - 1)));
  const decode = async (cache: boolean, forced: readonly number[] = []) => {
    const decoder = await Decoder.over(runner.loaded, { cache });
    try {
      return await generateGreedily(decoder, prompt, DECODE_STEPS, {
        keepLogits: true,
        forced,
        signal,
      });
    } finally {
      decoder.close();
    }
  };
  const plain = await decode(false);
  if (runner.loaded.io.states.length === 0)
    return passed(`${DECODE_STEPS} steps ran; the graph has no cache to compare with`);
  const cached = await decode(true, plain.ids);
  let worst = 0;
  if (plain.logits.every((logits) => !logits.some(Number.isFinite)))
    return unverified(`no logit of ${DECODE_STEPS} steps is a number: nothing to compare`);
  for (const [step, logits] of plain.logits.entries()) {
    const other = cached.logits[step] ?? new Float32Array();
    let scale = 1;
    let largest = 0;
    for (const [id, value] of logits.entries()) {
      if (Number.isFinite(value)) scale = Math.max(scale, Math.abs(value));
      // A token that is masked out has -Infinity on both sides.
      if (other[id] === value) continue;
      const difference = Math.abs(value - (other[id] ?? Number.NaN));
      largest = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(largest, difference);
    }
    worst = Math.max(worst, largest / scale);
  }
  const precision = precisionOf(opened);
  const limit = TOLERANCES[precision].logits;
  const detail =
    `${DECODE_STEPS} steps after ${prompt.length} tokens: logits with and without the cache ` +
    `differ by ${worst.toExponential(1)} of their size (limit ${limit}; ${precision})`;
  return { ok: worst <= limit, detail };
}
