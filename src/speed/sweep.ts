// Latency and throughput over batch sizes, each variant until it no longer fits.

import { summarise } from '../analysis/speed.ts';
import type {
  PlannedExport,
  SpeedSettings,
  SweepPoint,
  SweepResult,
  Which,
} from '../contract/speed.ts';
import type { OpenVariant, RunSample } from '../contract/variant.ts';
import { EspalierError } from '../errors.ts';
import type { MeasureOptions } from './measure.ts';
import { Pair } from './pair.ts';
import { checkSpeedSettings, promptIds } from './prompt.ts';
import { RunClock, runRounds } from './rounds.ts';

export interface SweepRequest extends PlannedExport {
  /** Warm-ups, runs, prompt and tokens of every point; its batch is not used. */
  settings: SpeedSettings;
  /** Batch sizes M in the order to measure. */
  batches: readonly number[];
}

/**
 * One point per batch size and variant. A variant that fails at a size stops there, is closed and
 * not opened again; the other continues. Both are open at once and take turns where they fit; else
 * the original's points come first.
 * @throws EspalierError `cancelled`, `bad-input` (settings, batches), `tokenizer` (a given prompt);
 *   when no variant has a point, the error of the original
 */
export async function sweepBatches(
  { removed, steps = [], settings, batches }: SweepRequest,
  open: OpenVariant,
  { signal, onEvent, together }: MeasureOptions,
): Promise<SweepResult> {
  if (batches.length === 0)
    throw new EspalierError(
      'bad-input',
      'There is no batch size to measure.',
      'Give at least one.',
    );
  for (const batch of batches) checkSpeedSettings({ ...settings, batch });
  const points: Record<Which, SweepPoint[]> = { original: [], pruned: [] };
  const stopped: SweepResult['stopped'] = [];
  const notes: string[] = [];
  const note = (text: string): void => {
    notes.push(text);
    onEvent({ type: 'note', text });
  };
  let device: SweepResult['device'] = null;
  let ids: number[] | null = null;
  let at = batches[0]!;
  const pair = new Pair({ removed, steps }, open, {
    signal,
    onProgress: (progress) => onEvent({ type: 'progress', progress }),
    onLoaded: (which, info) => {
      device ??= info.device;
      onEvent({ type: 'loaded', which, info });
    },
    onFailed: (which, error) => stopped.push({ which, batch: at, error }),
    canSplit: true,
  });
  const { sides } = pair;
  const perPoint = settings.warmup + settings.runs;
  const rows = (sizes: readonly number[]): number =>
    perPoint * sizes.reduce((sum, batch) => sum + batch, 0);
  const clock = new RunClock('sweep', sides, perPoint * batches.length, rows(batches), onEvent);
  const measured = (which: Which, batch: number): boolean =>
    points[which].some((point) => point.batch === batch);

  const sweep = async (among: readonly Which[]): Promise<void> => {
    for (const which of among) {
      at = batches.find((batch) => !measured(which, batch)) ?? batches[0]!;
      if (!(await pair.load(which))) clock.drop(which);
    }
    for (const batch of batches) {
      at = batch;
      const sides = pair.alive.filter((which) => !measured(which, batch));
      for (const which of sides) {
        if (ids !== null) break;
        const encoded = await pair.ask(which, (handle) => promptIds(handle, settings));
        if (encoded?.note) note(encoded.note);
        ids = encoded?.ids ?? null;
      }
      if (ids === null) return;
      const shape = { ids, tokens: settings.tokens, batch, sampling: settings.sampling };
      const samples = await runRounds(
        pair,
        sides,
        { shape, warmup: settings.warmup, runs: settings.runs },
        clock,
        onEvent,
      );
      for (const which of sides)
        if (pair.info(which)) points[which].push(pointOf(batch, samples[which]));
    }
  };

  const inTurns = async (): Promise<void> => {
    note(
      'The two models do not fit in memory at once: from here on they were loaded and measured ' +
        'in turn.',
    );
    const left = sides.filter((which) => !stopped.some((stop) => stop.which === which));
    for (const which of left) {
      const sizes = batches.filter((batch) => !measured(which, batch));
      clock.restart([which], perPoint * sizes.length, rows(sizes));
    }
    for (const which of left) {
      await sweep([which]);
      await pair.close();
    }
  };

  await pair.run(together, () => sweep(sides), inTurns);
  if (points.original.length === 0 && points.pruned.length === 0) pair.throwIfAllFailed();
  return { ...points, stopped, settings: { ...settings }, device, notes };
}

function pointOf(batch: number, samples: readonly RunSample[]): SweepPoint {
  const { latency, throughput } = summarise(samples);
  return { batch, latency, throughput };
}
