// float16 on a GPU can overflow to finite wrong numbers: one window is computed again on the wasm
// device, which sums in float32. It only warns; scores stay as they are.

import { isCancelled, toReport } from '../../errors.ts';
import type { OpenedModel } from '../../model/open/open.ts';
import { usesHalf } from '../../model/programs/widen.ts';
import type { Engine } from '../device/engine.ts';
import { TOLERANCES } from '../verify/tolerances.ts';
import { ScoreSession } from './session.ts';

/** Tokens that are compared: at most, and at least (where the model is large). */
const TOKENS = { most: 64, least: 16 };
/** Floating-point operations that the comparison may take on the CPU: some ten seconds. */
const OPERATIONS = 3e11;

/** What is compared against what. */
export interface Float16Check {
  opened: OpenedModel;
  /** The session whose numbers are in doubt. */
  session: Pick<ScoreSession, 'nllPerToken' | 'programs'>;
  window: readonly number[];
  /** Opens the wasm device; it is disposed of afterwards. */
  cpu: () => Promise<Engine>;
  signal?: AbortSignal | undefined;
}

/**
 * A sentence for people when the NLL of the original in float16 differs from that with float32
 * sums, or when this could not be found out; null when it does not, or without float16.
 */
export async function checkFloat16({
  opened,
  session,
  window,
  cpu,
  signal,
}: Float16Check): Promise<string | null> {
  if (!usesHalf(session.programs)) return null;
  const affordable = Math.floor(OPERATIONS / (2 * Math.max(1, opened.summary.params)));
  const ids = window.slice(0, Math.max(TOKENS.least, Math.min(TOKENS.most, affordable)));
  let engine: Engine | null = null;
  try {
    const half = mean(await session.nllPerToken([], ids, signal));
    engine = await cpu();
    const exact = ScoreSession.open(opened, engine, { streamed: true });
    const full = mean(await exact.nllPerToken([], ids, signal));
    await exact.dispose();
    return judge(half, full, ids.length);
  } catch (error) {
    if (isCancelled(error)) return null;
    return `The float16 numbers were not compared with float32: ${toReport(error).message}`;
  } finally {
    await engine?.dispose();
  }
}

function judge(half: number, full: number, tokens: number): string | null {
  // Weights that give NaN in float32 too have not overflowed: the curve's own warning says it.
  if (!Number.isFinite(half) && !Number.isFinite(full)) return null;
  const limit = TOLERANCES.float16.mean * Math.max(1, Math.abs(full));
  if (Math.abs(half - full) <= limit) return null;
  const numbers =
    `NLL of ${tokens} tokens: ${half.toFixed(4)} here, ${full.toFixed(4)} with float32 sums on ` +
    'the CPU (wasm)';
  return Number.isFinite(half)
    ? `float16 loses too much in this model (${numbers}): score on the CPU (wasm), or use a ` +
        'float32 or q4 graph.'
    : `float16 overflows in this model (${numbers}): score on the CPU (wasm), or use a ` +
        'float32 or q4 graph.';
}

function mean(values: Float32Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
