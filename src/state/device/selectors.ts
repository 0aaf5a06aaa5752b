// The name of a device on the page.

import type { DeviceKind } from '../../contract/device.ts';

/** A device as the page names it everywhere; GPUs with their own name. */
export function deviceName({ kind, name }: { kind: DeviceKind; name: string }): string {
  return kind !== 'webgpu' || name.startsWith('WebGPU') ? name : `WebGPU (${name})`;
}
