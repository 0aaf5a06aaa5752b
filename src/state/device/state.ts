// What the page knows of the device: the report of its self-test, and what `auto` means for the
// open model.

import type { DeviceChoice, DeviceReport } from '../../contract/device.ts';
import type { Slice } from '../slice.ts';

export interface DeviceSlice {
  report: DeviceReport | null;
  checking: boolean;
  /** Null until something has run on `auto`. */
  choice: DeviceChoice | null;
}

export const DEVICE: Slice<DeviceSlice> = {
  first: { report: null, checking: false, choice: null },
  // The device is the same for every model; what is faster on it is not.
  keep: (slice, opened) => (opened === 'same-model' ? slice : { ...slice, choice: null }),
};
