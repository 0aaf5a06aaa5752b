// Long jobs that did not finish and can be resumed.

import type { UsedDevice } from './device.ts';
import type { ScoreSettings } from './score.ts';
import type { SearchParameters } from './search.ts';

/**
 * A long job that was interrupted; it is resumed when it is started with the same settings.
 */
export interface Interrupted {
  key: string;
  job: 'score' | 'parts' | 'search' | 'taylor';
  /** The settings it was started with. */
  settings: ScoreSettings;
  search: SearchParameters | null;
  device: UsedDevice;
  /** Block evaluations done, of all. */
  done: number;
  total: number;
  /** ms since 1970. */
  savedAt: number;
}
