// Measures the original and a pruned variant against each other: run by run, or in rounds where
// both do not fit at once.

import { gainOf, summarise, throughputOf } from '../analysis/speed.ts';
import type {
  MeasureResult,
  MeterEvent,
  PlannedExport,
  SpeedSettings,
  VariantMeasure,
  Which,
} from '../contract/speed.ts';
import type { OpenVariant, RunSample, VariantInfo } from '../contract/variant.ts';
import { Pair } from './pair.ts';
import { checkSpeedSettings, promptIds } from './prompt.ts';
import { RunClock, runRounds } from './rounds.ts';

/** Rounds of load, warm-up and runs when the variants do not fit at once. */
const TURNS = 2;

export interface MeasureOptions {
  signal: AbortSignal;
  onEvent: (event: MeterEvent) => void;
  /** False: both are known not to fit at once, and are loaded in turns. */
  together: boolean;
}

/** What one side has so far. */
interface Found {
  info: VariantInfo;
  loads: number[];
  samples: RunSample[];
}

/**
 * Original and plan with the same prompt, shapes and settings: all warm-ups, then all timed runs,
 * one of each in turn. Where both do not fit (`together` false, or out of memory while both are
 * open) each is loaded, warmed up and measured twice in turns: A, B, A, B. A variant that fails
 * leaves an error; the other's numbers stay.
 * @param request no removals and no steps: the original alone
 * @throws EspalierError `cancelled`, `bad-input` (settings), `tokenizer` (a given prompt); when
 *   every variant fails, the error of the original
 * @source Kim et al., Shortened LLaMA (2024), section 4: 10 warm-ups, 20 runs, M * L / T
 */
export async function measureVariants(
  { removed, steps = [], settings }: PlannedExport & { settings: SpeedSettings },
  open: OpenVariant,
  { signal, onEvent, together }: MeasureOptions,
): Promise<MeasureResult> {
  checkSpeedSettings(settings);
  const started = performance.now();
  const notes: string[] = [];
  const note = (text: string): void => {
    notes.push(text);
    onEvent({ type: 'note', text });
  };
  const found: { [W in Which]?: Found } = {};
  let ids: number[] | null = null;
  let interleaved: MeasureResult['interleaved'] = 'runs';
  const pair = new Pair({ removed, steps }, open, {
    signal,
    onProgress: (progress) => onEvent({ type: 'progress', progress }),
    onLoaded: (which, info) => {
      found[which] = {
        info,
        loads: [...(found[which]?.loads ?? []), info.loadSeconds],
        samples: found[which]?.samples ?? [],
      };
      onEvent({ type: 'loaded', which, info });
    },
    canSplit: true,
  });
  const { sides, errors } = pair;
  const clock = new RunClock(
    'measure',
    sides,
    settings.warmup + settings.runs,
    (settings.warmup + settings.runs) * settings.batch,
    onEvent,
  );

  /**
   * Runs of the open ones of `among`, with the prompt that the first variant of all has encoded.
   */
  const runs = async (among: readonly Which[], warmup: number, timed: number): Promise<void> => {
    const open = among.filter((which) => pair.info(which));
    for (const which of open) {
      if (ids !== null) break;
      const encoded = await pair.ask(which, (handle) => promptIds(handle, settings));
      if (!encoded) continue;
      ids = encoded.ids;
      if (encoded.note) note(encoded.note);
    }
    if (ids === null) return;
    const shape = {
      ids,
      tokens: settings.tokens,
      batch: settings.batch,
      sampling: settings.sampling,
    };
    const samples = await runRounds(pair, open, { shape, warmup, runs: timed }, clock, onEvent);
    for (const which of open) found[which]?.samples.push(...samples[which]);
  };

  const allAtOnce = async (): Promise<void> => {
    for (const which of sides) if (!(await pair.load(which))) clock.drop(which);
    await runs(sides, settings.warmup, settings.runs);
  };

  const inTurns = async (): Promise<void> => {
    interleaved = 'rounds';
    note(
      'The two models do not fit in memory at once: they were loaded and measured in turn, ' +
        'which compares them less precisely.',
    );
    const turns = Math.min(TURNS, settings.runs);
    const total = turns * settings.warmup + settings.runs;
    clock.restart(
      sides.filter((which) => !errors[which]),
      total,
      total * settings.batch,
    );
    for (const which of sides) if (found[which]) found[which].samples = [];
    for (let turn = 0; turn < turns; turn++) {
      const timed = Math.floor((settings.runs + turns - 1 - turn) / turns);
      for (const which of sides) {
        if (errors[which]) continue;
        if (await pair.load(which)) await runs([which], settings.warmup, timed);
        await pair.close();
      }
    }
  };

  await pair.run(together, allAtOnce, inTurns);
  pair.throwIfAllFailed();

  const measureOf = (which: Which): VariantMeasure | null => {
    const { info, loads, samples } = found[which] ?? { samples: [] };
    if (errors[which] || !info || !loads || samples.length === 0) return null;
    const deviceBytes = Math.max(...samples.map((sample) => sample.deviceBytes));
    return {
      info,
      removed: which === 'pruned' ? [...removed] : [],
      speed: summarise(samples),
      samples,
      loads,
      deviceBytes,
    };
  };
  const original = measureOf('original');
  const pruned = measureOf('pruned');
  const alike = !original || !pruned || original.info.device.kind === pruned.info.device.kind;
  if (!alike) note('The two models ran on different devices: their speeds cannot be compared.');
  const speeds = ({ samples }: VariantMeasure): number[] => samples.map(throughputOf);
  return {
    original,
    pruned,
    errors,
    gain:
      original && pruned && alike
        ? gainOf(speeds(original), speeds(pruned), interleaved === 'runs')
        : null,
    settings,
    promptIds: ids ?? [],
    interleaved,
    notes,
    seconds: (performance.now() - started) / 1000,
  };
}
