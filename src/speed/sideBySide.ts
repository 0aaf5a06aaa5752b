// Generates with the original and a pruned variant at once, in slices of a few dozen ms, so that
// both stream.

import { firstDifference } from '../analysis/divergence.ts';
import type { Sampling } from '../analysis/sampling.ts';
import { checkSampling } from '../analysis/sampling.ts';
import type { GenerateEvent, GenerateResult, Side } from '../contract/generate.ts';
import type { PlannedExport, Which } from '../contract/speed.ts';
import type { Advance, OpenVariant, Prompt, VariantInfo } from '../contract/variant.ts';
import { EspalierError } from '../errors.ts';
import { Pair } from './pair.ts';

/**
 * Length of a slice, ms: with two variants each reports about every 80 ms, a single one every 50.
 */
const SLICE_MS = { two: 40, one: 50 };

/** Untimed runs before a generation: none are added after this many seconds of them. */
const WARM_SECONDS = 0.5;
const WARM_RUNS = 12;
/**
 * Their prompt is cut to this many tokens: reading a long one twice would double the wait for the
 * first token.
 */
const WARM_TOKENS = 64;

/** Without removals and steps the original generates alone. */
export interface SideBySideRequest extends PlannedExport {
  prompt: Prompt;
  /** Most new tokens. */
  tokens: number;
  sampling: Sampling;
  stopAtEos: boolean;
}

export interface SideBySideOptions {
  signal: AbortSignal;
  onEvent: (event: GenerateEvent) => void;
  /** False: both are known not to fit at once, and generate one after the other. */
  together: boolean;
}

/**
 * Same prompt ids, seed and settings for both. Where both do not fit, one generates after the
 * other. A variant that fails is reported and leaves the other running.
 * @throws EspalierError `cancelled`, `bad-input` (settings, prompt), `tokenizer` (prompt); when
 *   every variant fails, the error of the original
 */
export async function generateSideBySide(
  { removed, steps = [], prompt, tokens, sampling, stopAtEos }: SideBySideRequest,
  open: OpenVariant,
  { signal, onEvent, together }: SideBySideOptions,
): Promise<GenerateResult> {
  checkSampling(sampling);
  if (!Number.isSafeInteger(tokens) || tokens < 1)
    throw new EspalierError(
      'bad-input',
      `The number of new tokens must be a whole number of at least 1, not ${tokens}.`,
      'Change it.',
    );
  const infos: { [W in Which]?: VariantInfo } = {};
  const pair = new Pair({ removed, steps }, open, {
    signal,
    onProgress: (progress) => onEvent({ type: 'progress', progress }),
    onLoaded: (which, info) => {
      infos[which] = info;
    },
    onFailed: (which, error) => onEvent({ type: 'failed', which, error }),
    canSplit: true,
  });
  const found: Record<Which, Side | null> = { original: null, pruned: null };
  let ids: number[] | null = null;

  /**
   * The first runs compile (shaders, and wasm itself): their times are not the speed of the
   * variant.
   */
  const warmUp = async (which: Which, ids: number[]): Promise<void> => {
    let seconds = 0;
    for (let run = 0; run < WARM_RUNS && seconds < WARM_SECONDS && pair.info(which); run++) {
      onEvent({
        type: 'progress',
        progress: {
          job: 'generate',
          phase: 'warmup',
          done: run,
          total: WARM_RUNS,
          unit: 'runs',
          secondsLeft: null,
        },
      });
      // Two tokens show how long more of them would take.
      const shape = {
        ids: ids.slice(0, WARM_TOKENS),
        tokens: Math.min(tokens, run === 0 ? 2 : 8),
        batch: 1,
        sampling,
      };
      seconds += (await pair.use(which, (handle) => handle.run(shape)))?.seconds ?? 0;
    }
  };

  /** Loads these, and takes turns until each has ended. */
  const generate = async (sides: readonly Which[]): Promise<void> => {
    for (const which of sides) await pair.load(which);
    for (const which of pair.alive) {
      if (ids === null) {
        const encoded = await pair.ask(which, (handle) => handle.encode(prompt));
        if (!encoded) continue;
        ids = encoded.ids;
        onEvent({ type: 'prompt', prompt: encoded });
      }
      const start = { ids, tokens, sampling, stopAtEos };
      // Settings that cannot be generated with are refused before anything runs.
      await pair.ask(which, (handle) => handle.begin(start));
      await warmUp(which, ids);
      await pair.ask(which, (handle) => handle.begin(start));
    }
    const unfinished = (): Which[] =>
      pair.alive.filter((which) => (found[which]?.done ?? null) === null);
    for (let turn = unfinished(); turn.length > 0; turn = unfinished()) {
      for (const which of turn) {
        const slice = await pair.use(which, (handle) =>
          handle.advance(turn.length > 1 ? SLICE_MS.two : SLICE_MS.one),
        );
        const info = infos[which];
        if (!slice || !info) continue;
        const side = extend(found[which], slice, info);
        found[which] = side;
        onEvent({ type: 'side', which, side });
      }
    }
  };

  const inTurns = async (): Promise<void> => {
    onEvent({
      type: 'note',
      text: 'The two models do not fit in memory at once: they generate in turn.',
    });
    for (const which of pair.sides) {
      if (pair.errors[which]) continue;
      found[which] = null;
      await generate([which]);
      await pair.close();
    }
  };

  await pair.run(together, () => generate(pair.sides), inTurns);
  pair.throwIfAllFailed();
  const { original, pruned } = found;
  return {
    original,
    pruned,
    errors: pair.errors,
    divergesAt: original && pruned ? firstDifference(original, pruned) : null,
  };
}

function extend(before: Side | null, slice: Advance, info: VariantInfo): Side {
  return {
    ...slice,
    ids: [...(before?.ids ?? []), ...slice.ids],
    ends: [...(before?.ends ?? []), ...slice.ends],
    info,
  };
}
