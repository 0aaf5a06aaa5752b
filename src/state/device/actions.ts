// The self-test of the device, asked for once and kept, and which device `auto` means for the open
// model, heard of when it becomes known.

import type { Context } from '../context.ts';
import { makeNewest } from '../newest.ts';

export interface DeviceActions {
  checkDevice(): Promise<void>;
}

export function makeDeviceActions(context: Context): DeviceActions {
  const { api, get, patch } = context;
  // The device is the same for every model.
  const requests = makeNewest(() => null);
  const choices = context.newest();

  async function hearOfChoice(): Promise<void> {
    if (!get().model.current || get().device.choice) return;
    const isNewest = choices.begin();
    try {
      const choice = await api.deviceChoice();
      if (isNewest()) patch('device', { choice });
    } catch {
      // The engine is gone, or another model is open: whatever runs next asks again.
    }
  }

  return {
    async checkDevice() {
      void hearOfChoice();
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
