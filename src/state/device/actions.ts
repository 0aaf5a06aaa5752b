// The self-test of the device: its report is asked for once and kept.

import type { Context } from '../context.ts';
import { makeNewest } from '../newest.ts';

export interface DeviceActions {
  checkDevice(): Promise<void>;
}

export function makeDeviceActions(context: Context): DeviceActions {
  const { api, get, patch } = context;
  // The device is the same for every model.
  const requests = makeNewest(() => null);

  return {
    async checkDevice() {
      if (get().device.report) return;
      const isNewest = requests.begin();
      patch('device', { checking: true });
      try {
        const report = await api.device();
        if (isNewest()) patch('device', { report });
      } catch (error) {
        if (isNewest()) context.fail('device', error);
      } finally {
        if (isNewest()) patch('device', { checking: false });
      }
    },
  };
}
