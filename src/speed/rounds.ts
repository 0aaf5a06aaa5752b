// Timed runs of variants in turn, with the time left.

import type { Progress } from '../contract/progress.ts';
import type { RunSample, RunShape } from '../contract/variant.ts';
import type { Sides } from './sides.ts';

/** What is reported of runs. */
export type RunEvent<S extends string> =
  | { type: 'progress'; progress: Progress }
  | { type: 'sample'; which: S; sample: RunSample; warmup: boolean };

/**
 * How many runs remain and how long they take. A run of a larger batch is assumed to take longer in
 * proportion.
 */
export class RunClock<S extends string> {
  readonly #job: string;
  readonly #onEvent: (event: RunEvent<S>) => void;
  /** Rows still to run, and runs, by side. */
  readonly #left: Map<S, { runs: number; rows: number }>;
  /** Seconds per row of the latest runs. */
  readonly #pace = new Map<S, number>();
  #done = 0;

  constructor(
    job: string,
    sides: readonly S[],
    runs: number,
    rows: number,
    onEvent: (event: RunEvent<S>) => void,
  ) {
    this.#job = job;
    this.#onEvent = onEvent;
    this.#left = new Map(sides.map((which) => [which, { runs, rows }]));
  }

  ran(which: S, batch: number, seconds: number, phase: Progress['phase']): void {
    const known = this.#pace.get(which);
    // The first run compiles shaders: the second one replaces its time.
    this.#pace.set(
      which,
      known === undefined || this.#done <= this.#left.size
        ? seconds / batch
        : 0.7 * known + 0.3 * (seconds / batch),
    );
    this.#done++;
    const left = this.#left.get(which);
    if (left) this.#left.set(which, { runs: left.runs - 1, rows: left.rows - batch });
    this.#report(phase);
  }

  /** The side has failed, or has no more runs. */
  drop(which: S): void {
    this.#left.set(which, { runs: 0, rows: 0 });
  }

  /** All runs of the sides are made again, in another way. */
  restart(sides: readonly S[], runs: number, rows: number): void {
    for (const which of sides) this.#left.set(which, { runs, rows });
  }

  #report(phase: Progress['phase']): void {
    let secondsLeft: number | null = 0;
    let runs = 0;
    for (const [which, left] of this.#left) {
      runs += left.runs;
      const pace = this.#pace.get(which);
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
export async function runRounds<S extends string>(
  variants: Sides<S>,
  sides: readonly S[],
  { shape, warmup, runs }: RoundsRequest,
  clock: RunClock<S>,
  onEvent: (event: RunEvent<S>) => void,
): Promise<Record<S, RunSample[]>> {
  const samples = Object.fromEntries(sides.map((which) => [which, []])) as unknown as Record<
    S,
    RunSample[]
  >;
  for (let round = 0; round < warmup + runs; round++) {
    const warming = round < warmup;
    for (const which of round % 2 === 0 ? sides : [...sides].reverse()) {
      if (!variants.info(which)) continue;
      const started = performance.now();
      const sample = await variants.use(which, (handle) => handle.run(shape));
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
