// The name of a device on the page, the device that a request leads to, and whether something ran
// on as many threads as now.

import type {
  BrowserDeviceKind,
  DeviceKind,
  DeviceReport,
  UsedDevice,
} from '../../contract/device.ts';
import type { StudioState } from '../state.ts';

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

type Device = 'auto' | BrowserDeviceKind;

/** Where score programs of the open model run on request; null while that is not known. */
export function deviceOf({ device }: StudioState, asked: Device): BrowserDeviceKind | null {
  if (asked !== 'auto') return asked;
  return device.choice?.kind ?? device.report?.preferred ?? null;
}

/** The same for speed and generation, which run the graph as it is. */
export function wholeDeviceOf({ device }: StudioState, asked: Device): BrowserDeviceKind | null {
  if (asked !== 'auto') return asked;
  return device.choice?.whole ?? device.report?.preferred ?? null;
}
