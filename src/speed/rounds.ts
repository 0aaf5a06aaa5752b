// Timed runs of one or two variants in turn, with the time left.

import type { Progress } from '../contract/progress.ts';
import type { MeterEvent, Which } from '../contract/speed.ts';
import type { RunSample, RunShape } from '../contract/variant.ts';
import type { Pair } from './pair.ts';

/**
 * How many runs remain and how long they take. A run of a larger batch is assumed to take longer in
 * proportion.
 */
export class RunClock {
  readonly #job: string;
  readonly #onEvent: (event: MeterEvent) => void;
  /** Rows still to run, and runs, by side. */
  readonly #left: Record<Which, { runs: number; rows: number }>;
  /** Seconds per row of the latest runs. */
  readonly #pace: { [W in Which]?: number } = {};
  #done = 0;

  constructor(
    job: string,
    sides: readonly Which[],
    runs: number,
    rows: number,
    onEvent: (event: MeterEvent) => void,
  ) {
    const each = (which: Which) => (sides.includes(which) ? { runs, rows } : { runs: 0, rows: 0 });
    this.#job = job;
    this.#onEvent = onEvent;
    this.#left = { original: each('original'), pruned: each('pruned') };
  }

  ran(which: Which, batch: number, seconds: number, phase: Progress['phase']): void {
    const known = this.#pace[which];
    // The first run compiles shaders: the second one replaces its time.
    this.#pace[which] =
      known === undefined || this.#done < 3
        ? seconds / batch
        : 0.7 * known + 0.3 * (seconds / batch);
    this.#done++;
    this.#left[which].runs--;
    this.#left[which].rows -= batch;
    this.#report(phase);
  }

  /** The side has failed, or has no more runs. */
  drop(which: Which): void {
    this.#left[which] = { runs: 0, rows: 0 };
  }

  /** All runs of the sides are made again, in another way. */
  restart(sides: readonly Which[], runs: number, rows: number): void {
    for (const which of sides) this.#left[which] = { runs, rows };
  }

  #report(phase: Progress['phase']): void {
    let secondsLeft: number | null = 0;
    let runs = 0;
    for (const which of ['original', 'pruned'] as const) {
      const left = this.#left[which];
      runs += left.runs;
      const pace = this.#pace[which];
      if (left.runs === 0) continue;
      secondsLeft =
        pace === undefined || secondsLeft === null ? null : secondsLeft + left.rows * pace;
    }
    const progress: Progress = {
      job: this.#job,
      phase,
      done: this.#done,
      total: this.#done + runs,
      unit: 'runs',
      secondsLeft,
    };
    this.#onEvent({ type: 'progress', progress });
  }
}

export interface RoundsRequest {
  shape: RunShape;
  warmup: number;
  runs: number;
}

/**
 * Warm-up rounds, then timed rounds; a round is one run of each side, and the order alternates (AB,
 * BA, ...) so that neither always follows the other. A side that fails drops out.
 * @returns the timed samples by side; of a side that failed, those until then
 * @throws EspalierError `cancelled`, Crowded
 */
export async function runRounds(
  pair: Pair,
  sides: readonly Which[],
  { shape, warmup, runs }: RoundsRequest,
  clock: RunClock,
  onEvent: (event: MeterEvent) => void,
): Promise<Record<Which, RunSample[]>> {
  const samples: Record<Which, RunSample[]> = { original: [], pruned: [] };
  for (let round = 0; round < warmup + runs; round++) {
    const warming = round < warmup;
    for (const which of round % 2 === 0 ? sides : [...sides].reverse()) {
      if (!pair.info(which)) continue;
      const started = performance.now();
      const sample = await pair.use(which, (handle) => handle.run(shape));
      if (!sample) {
        clock.drop(which);
        continue;
      }
      if (!warming) samples[which].push(sample);
      onEvent({ type: 'sample', which, sample, warmup: warming });
      clock.ran(
        which,
        shape.batch,
        (performance.now() - started) / 1000,
        warming ? 'warmup' : 'decode',
      );
    }
  }
  return samples;
}
