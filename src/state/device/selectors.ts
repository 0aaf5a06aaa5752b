// The name of a device on the page, and whether it runs on as many threads as now.

import type { DeviceKind, DeviceReport, UsedDevice } from '../../contract/device.ts';

/** A device as the page names it everywhere; GPUs with their own name. */
export function deviceName({ kind, name }: { kind: DeviceKind; name: string }): string {
  return kind !== 'webgpu' || name.startsWith('WebGPU') ? name : `WebGPU (${name})`;
}

/**
 * False where it ran on another number of CPU threads than a run would now: its times do not
 * compare. True where the number of now is not known.
 */
export function hasThreadsOfNow({ kind, name }: UsedDevice, report: DeviceReport | null): boolean {
  if (kind !== 'wasm' || report?.preferred !== 'wasm') return true;
  const threads = Number(/(\d+) threads/.exec(name)?.[1] ?? 1);
  return threads === (report.threads?.threads ?? 1);
}
