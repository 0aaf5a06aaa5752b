// Times of single runs, measured before a job so that the page can say how long it will take.

import type { UsedDevice } from './device.ts';
import type { ScoreSettings } from './score.ts';

/** What is timed: one window of `length` tokens on the device of the settings. */
export type RunTimesRequest = Pick<ScoreSettings, 'device' | 'budgetBytes'> & {
  /** Tokens of a window. */
  length: number;
  /** Windows of the job: as many as it would run together are timed together. */
  windows: number;
};

export interface RunTimes {
  device: UsedDevice;
  /** Tokens of a window. */
  length: number;
  /** Seconds of one block on one window: the mean over blocks. */
  blockSeconds: number;
  /** Seconds of the head on one window; null where it is too large to be read for this. */
  headSeconds: number | null;
  /** Seconds until one program is compiled. */
  compileSeconds: number;
  /** Bytes of weights that were read from the files for it, and the seconds that took. */
  bytesRead: number;
  readSeconds: number;
}
