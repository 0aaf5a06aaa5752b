// Long jobs that did not finish and can be resumed.

import type { LoadedTask, TasksRequest } from './comparison/tasks.ts';
import type { UsedDevice } from './device.ts';
import type { HealRequest } from './heal.ts';
import type { QuantiseRequest } from './quantise.ts';
import type { ScoreSettings } from './score.ts';
import type { SearchParameters } from './search.ts';

/** What such a job was asked for. */
export type ResumableWork =
  | {
      job: 'score' | 'parts' | 'search' | 'taylor';
      /** The settings it was started with. */
      settings: ScoreSettings;
      search: SearchParameters | null;
    }
  | {
      job: 'heal';
      request: HealRequest;
      /** Names of its texts that were too long to be stored: they must be given again. */
      missing: string[];
    }
  | { job: 'quantise'; request: QuantiseRequest; missing: string[] }
  /** `data`: the rows that it needs, which have to be loaded again after a closed tab. */
  | { job: 'tasks'; request: TasksRequest; data: LoadedTask[] };

/**
 * A long job that was interrupted; it is resumed when it is started with the same settings.
 */
export type Interrupted = ResumableWork & {
  key: string;
  device: UsedDevice;
  /** Block evaluations, training steps, matrices or rows done, of all. */
  done: number;
  total: number;
  /** ms since 1970. */
  savedAt: number;
};
