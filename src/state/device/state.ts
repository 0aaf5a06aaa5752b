// What the page knows of the device: the report of its self-test.

import type { DeviceReport } from '../../contract/device.ts';
import { kept } from '../slice.ts';

export interface DeviceSlice {
  report: DeviceReport | null;
  checking: boolean;
}

export const DEVICE = kept<DeviceSlice>({ report: null, checking: false });
