// What the page knows of how long runs take on the open model before anything was scored.

import type { BrowserDeviceKind } from '../../contract/device.ts';
import type { RunTimes } from '../../contract/runTimes.ts';
import { ofModel } from '../slice.ts';

export interface EstimateSlice {
  /** Runs are being timed. */
  timing: boolean;
  /** By the device that was asked for; null where runs could not be timed. */
  times: ReadonlyMap<'auto' | BrowserDeviceKind, RunTimes | null>;
}

export const ESTIMATE = ofModel<EstimateSlice>({ timing: false, times: new Map() }, (slice) => ({
  ...slice,
  timing: false,
}));
