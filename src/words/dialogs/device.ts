// What the Device dialog says.

export const DEVICE = {
  title: 'Device',
  runsOn: 'runs on',
  thisModel: 'this model',
  bySettings: (name: string) => `runs on ${name}, as chosen in the scoring settings`,
  notYet:
    'runs on whichever is faster: a block of it is timed on WebGPU and on the CPU before its ' +
    'first run',
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
  threads: 'CPU threads',
  reloadForThreads: (most: number) =>
    `Models on the CPU run on one thread. Reload the page to use up to ${most}.`,
  reload: 'Reload the page',
} as const;

/** Devices by name. */
export const DEVICE_NAMES = { webgpu: 'WebGPU', wasm: 'CPU (wasm)' } as const;

/** "4 threads: 2.9 x one thread", or how much there was to gain by more than one. */
export function threadWords(
  threads: number,
  runs: readonly { threads: number; seconds: number }[],
): string {
  const secondsOf = (count: number) =>
    runs.find((run) => run.threads === count)?.seconds ?? Number.NaN;
  const times = (count: number) => `${(secondsOf(1) / secondsOf(count)).toFixed(1)} x`;
  if (threads > 1) return `${threads} threads: ${times(threads)} one thread`;
  const most = runs.at(-1)?.threads ?? 1;
  return most > 1 ? `1 thread (${most} threads: ${times(most)} its speed)` : '1 thread';
}

/** What `auto` means before it is known. */
export const FASTER_DEVICE = 'WebGPU or the CPU, whichever is faster';
