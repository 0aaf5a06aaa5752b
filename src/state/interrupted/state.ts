// What the page knows of long jobs on the open model that did not come to their end.

import type { Interrupted } from '../../contract/interrupted.ts';
import { reset } from '../slice.ts';

export interface InterruptedSlice {
  jobs: readonly Interrupted[];
}

/** Asked for whenever a model is opened. */
export const INTERRUPTED = reset<InterruptedSlice>({ jobs: [] });
