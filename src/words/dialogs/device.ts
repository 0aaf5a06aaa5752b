// What the Device dialog says.

export const DEVICE = {
  title: 'Device',
  runsOn: 'runs on',
  adapter: 'graphics adapter',
  noAdapter: 'none found',
  why: 'why not WebGPU',
  largest: 'largest buffer',
  features: 'features used',
  none: 'none',
  selfTest: 'self-test',
  passed: 'passed',
  failed: 'failed',
  within: (seconds: string) => `in ${seconds} s`,
  routes: 'workarounds',
  noRoutes: 'none needed',
  check: 'check against the CPU (wasm)',
  error: 'largest error',
  result: 'result',
  notRun: 'not run',
  correct: 'correct',
  wrong: 'wrong',
  avoided: 'wrong, avoided',
} as const;

/** Devices by name. */
export const DEVICE_NAMES = { webgpu: 'WebGPU', wasm: 'CPU (wasm)' } as const;
