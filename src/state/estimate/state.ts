// What the page knows of how long runs take on the open model before anything was scored.

import type { RunTimes } from '../../contract/runTimes.ts';
import { ofModel } from '../slice.ts';

export interface EstimateSlice {
  /** Key of the runs that are being timed, or null. */
  timing: string | null;
  /** By device and window length; null where they could not be timed. */
  times: ReadonlyMap<string, RunTimes | null>;
}

export const ESTIMATE = ofModel<EstimateSlice>({ timing: null, times: new Map() }, (slice) => ({
  ...slice,
  timing: null,
}));
