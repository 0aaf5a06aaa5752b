// What the Speed workspace says.

export const SPEED = {
  title: 'Speed',
  sub: 'measured on the exported files; original and pruned take turns',
  original: 'original',
  pruned: 'pruned',
  gain: 'gain',
  wholeRun: 'whole run',
  notMeasured: 'not measured',
  nothingRemoved: 'nothing is removed',
  predicted: 'predicted',
  oneRun: 'one run',
  failed: 'failed, see below',
  afterMeasuring: 'known after both are measured',
  measure: 'Measure',
  paper: 'Paper protocol',
  batches: 'Batches',
  unknownTime: 'Times are unknown until the first run.',
  otherModel: 'Times are scaled from another model by size.',
  auto: 'Measure speed automatically after each change',
  autoAsks: 'asks first when it takes more than 30 s',
  autoAlways: 'even when it takes long',
  none: 'Not measured yet. Runs alternate between original and pruned.',
  again: 'Measure again',
  protocol: 'Protocol',
  paired: 'Paired',
  paperSteadier: 'The paper’s protocol makes more runs.',
  bars: 'tok/s, whole run; whiskers: slowest and fastest run',
  barsPredicted: 'dashed: predicted',
} as const;

export const SPEED_ROWS = {
  ttft: 'TTFT',
  decode: 'decode tok/s',
  prefill: 'prefill tok/s',
  load: 'load time',
  deviceMemory: 'device memory',
} as const;

/** "253 to 386 over 5 runs". */
export const rangeOfRuns = (range: string, runs: number): string => `${range} over ${runs} runs`;

/** The runs behind a mean. */
export const medianAndRange = (runs: number, median: string, min: string, max: string): string =>
  `mean of ${runs} runs, median ${median}, ${min} to ${max}`;

/** "95 %: 1.38 to 1.49". */
export const interval = (range: string): string => `95 %: ${range}`;

/** How it was measured: protocol, devices, a slow cache. */
export const measuredBy = (protocol: string, devices: readonly string[], cache: string): string =>
  `${protocol}, on ${devices.join(' against ')}${cache && `, ${cache}`}.`;

export const staleWords = (whose: string): string => `The pruned numbers are ${whose}.`;

/** After "Paired": "gain 1.43 × (1.38 to 1.49)." */
export const gainWords = (gain: string): string => `gain ${gain}.`;

export const noiseWords = (gain: string): string =>
  `Gain ${gain} is within noise: runs differ more than the two models do.`;

/** "Pooled from 2 measurements: 1.75 × and 0.99 ×." */
export const pooledWords = (gains: readonly string[]): string =>
  `Pooled from ${gains.length} measurements: ${gains.slice(0, -1).join(', ')} and ${gains.at(-1)}.`;

/** Where the next measurement would be pooled with those before. */
export const partedWords = (measured: string, predicted: string, times: number): string =>
  `Measured ${measured}, predicted ${predicted}: they differ by more than 30 %. ` +
  (times > 1
    ? `After ${times} measurements the prediction is the likelier to be wrong.`
    : 'Other work may have disturbed the runs.');

export const predictedWords = (rate: string, gain?: string): string =>
  gain === undefined ? `Predicted ${rate} tok/s.` : `Predicted ${rate} tok/s, gain ${gain}.`;

/** Where the prediction comes from. */
export const lineWords = (a: string, b: string): string =>
  `From a latency of ${a} + ${b} × blocks ms, fitted to earlier measurements`;

export const outsideWords = (from: number, to: number): string =>
  `, outside the measured ${from} to ${to} blocks`;

export const failedWords = (which: 'original' | 'pruned', message: string, hint: string): string =>
  `The ${which === 'original' ? 'original' : 'pruned model'} failed: ${message} ${hint}`;

export const SWEEP = {
  title: 'Batch sweep',
  stale: 'The pruned numbers are of another plan.',
  batch: 'batch',
  originalLatency: 'original latency',
  prunedLatency: 'pruned latency',
  rate: 'tok/s',
  asTable: 'As a table',
  latencyAxis: 'latency of a run (log scale)',
  rateAxis: 'tok/s, all rows together',
} as const;

export const sweptWithout = (units: string): string => `pruned, without ${units}`;

export const sweepStopped = (
  which: 'original' | 'pruned',
  batch: number,
  message: string,
  hint: string,
): string =>
  `The ${which === 'original' ? 'original' : 'pruned model'} stopped at batch ${batch}: ` +
  `${message} ${hint}`;

export const sweepSettings = (protocol: string): string =>
  `${protocol[0]?.toUpperCase() ?? ''}${protocol.slice(1)}; numbers at the points are batch sizes.`;

/** The sweep for screen readers. */
export const sweepInWords = (original: string, pruned: string): string =>
  `Throughput against latency at growing batch sizes.${original}${pruned}`;

export const sweepBest = (name: string, batch: number, rate: string): string =>
  ` ${name}: highest at batch ${batch}, ${rate} tokens per second.`;
