// Times of single runs, measured before a job so that the page can say how long it will take.

import type { UsedDevice } from './device.ts';
import type { ScoreSettings } from './score.ts';

/** Windows of a job: how many, and tokens in each. */
export interface WindowSize {
  windows: number;
  length: number;
}

/** What is timed, on the device of the settings. */
export type RunTimesRequest = Pick<ScoreSettings, 'device' | 'budgetBytes'> & {
  sizes: readonly WindowSize[];
};

/** Of one size, when as many windows run together as a job would run. */
export interface RunTime extends WindowSize {
  /** Seconds of one block on one window: the mean over blocks. */
  blockSeconds: number;
  /** Seconds of the head on one window; null where its table is too large to be read for this. */
  headSeconds: number | null;
}

export interface RunTimes {
  device: UsedDevice;
  /** In the order of the request. */
  runs: RunTime[];
  /** Seconds until one program is compiled. */
  compileSeconds: number;
  /** Bytes of weights that were read from the files for this, and the seconds that it took. */
  bytesRead: number;
  readSeconds: number;
}
