// Devices: which kinds there are, what is known of the one at hand, and how its self-test went.

/** `cpu` is native ONNX Runtime, which Node has and a browser never. */
export type DeviceKind = 'webgpu' | 'wasm' | 'cpu';

/** The kinds that a browser can run on. */
export type BrowserDeviceKind = Exclude<DeviceKind, 'cpu'>;

/** Where a browser continues what a device has begun: on its own CPU what ran on the native one. */
export function inBrowser(kind: DeviceKind): BrowserDeviceKind {
  return kind === 'cpu' ? 'wasm' : kind;
}

/** The device that a job ran on, with its own name. */
export interface UsedDevice {
  kind: DeviceKind;
  name: string;
}

/** Result of one check of the device self-test. */
export interface SelfTestCheck {
  name: string;
  ok: boolean;
  /** Largest absolute difference to the CPU (wasm), or null when the check did not run. */
  maxError: number | null;
  note: string;
}

export interface DeviceReport {
  /** What `auto` resolves to on this machine. */
  preferred: BrowserDeviceKind;
  webgpu: boolean;
  /** Adapter vendor, architecture and description; '' without an adapter. */
  adapter: string;
  /** Why WebGPU is not used, in words; null when it is. */
  reason: string | null;
  features: string[];
  /** Largest buffer in bytes; 0 without an adapter. */
  maxBufferBytes: number;
  selfTest: SelfTest | null;
  /** Of the CPU (wasm), where it is what runs and several threads are possible. */
  threads?: ThreadMeasurement;
}

/** How fast a decoder block ran on the CPU (wasm) by number of threads. */
export interface ThreadMeasurement {
  /** The number that is used. */
  threads: number;
  /** In the order of the runs; the first is one thread. */
  runs: { threads: number; seconds: number }[];
}

/** Seconds of one block of the open model on one device, measured when a device was chosen. */
export interface BlockTime {
  /** Of one window; the mean over windows that ran together. */
  seconds: number;
  /** Tokens of the window. */
  tokens: number;
  /** Threads of the CPU that ran it; absent for WebGPU. */
  threads?: number;
}

/** What `auto` means for the open model. */
export interface DeviceChoice {
  /** Where score programs run. */
  kind: BrowserDeviceKind;
  /**
   * Where the unchanged graph runs, for speed and generation: `kind`, unless that device has no
   * kernel for it; null where scoring cannot use the GPU, and the graph itself decides.
   */
  whole: BrowserDeviceKind | null;
  /** Why, in sentences for people that name what was measured. */
  reason: string;
  /** Both times, where both devices could be used and were measured. */
  measured: { webgpu: BlockTime; wasm: BlockTime } | null;
}

export interface SelfTest {
  passed: boolean;
  checks: SelfTestCheck[];
  /**
   * Which routes follow: e.g. "device without subgroups", "soft-capped graphs on the CPU (wasm)".
   */
  routes: string[];
  seconds: number;
}
