// What the page says of speed beside the plan, and how it names times and phases of a measurement.

export const SPEED_SUMMARY = {
  title: 'speed',
  label: 'Speed of this plan',
  tokensPerSecond: 'tok/s',
  wholeRun: 'tok/s, whole run',
  arrow: 'to',
  measure: 'Measure',
  always: 'Always measure',
  cancel: 'Cancel',
  progress: 'Measuring speed',
  starting: 'Starting',
  nothingRemoved: 'Remove blocks to compare speeds.',
  notMeasured: 'Not measured.',
  predicted: 'Predicted.',
  failed: 'The measurement failed; the Speed workspace says why.',
  noise: 'Within noise: runs differ more than the two models do.',
  unknownTime: 'Time unknown until the first run.',
} as const;

/** "Measured over 5 runs each, quick protocol." */
export const measuredWords = (runs: number, mode: 'quick' | 'paper' | 'custom' | null): string => {
  const protocol = { quick: ', quick protocol', paper: ', paper protocol', custom: '' };
  return `Measured over ${runs} ${runs === 1 ? 'run' : 'runs'} each${mode ? protocol[mode] : ''}.`;
};

/** Said once a measurement has ended, with what failed. */
export function announced(
  gain: string | null,
  original: string | null,
  pruned: string | null,
  failures: readonly string[],
): string {
  const words = [
    gain && `gain ${gain}`,
    original && `original ${original} tokens per second`,
    pruned && `pruned ${pruned} tokens per second`,
    ...failures,
  ];
  return `Speed measured: ${words.filter(Boolean).join(', ')}.`;
}

export const SPEED_EVENTS = {
  started: 'Measuring speed.',
  sweepStarted: 'The batch sweep has started.',
  sweepDone: 'The batch sweep is done.',
  disturbed:
    'The plan changed during this measurement, and its perplexity was computed at the same time: ' +
    'measure again for steadier numbers.',
} as const;

export const stoppedFor = (job: string): string =>
  `Measuring was stopped: ${job} needs the device.`;

/** "These numbers are of another plan." */
export const staleNumbers = (whose: string): string => `These numbers are ${whose}.`;

/** A time that was estimated: "5 s", "25 s", "2 min", "1 h 10 min". */
export function roughTime(seconds: number): string {
  if (seconds < 10) return `${Math.max(1, Math.ceil(seconds))} s`;
  if (seconds < 90) return `${5 * Math.ceil(seconds / 5)} s`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export interface Needed {
  seconds: number;
  isMost: boolean;
}

/** "about 25 s", "up to 6 min"; '' while nothing is known. */
export const takes = (needed: Needed | null): string =>
  needed === null ? '' : `${needed.isMost ? 'up to' : 'about'} ${roughTime(needed.seconds)}`;

/** The label of a button that starts it: "Measure (about 25 s)". */
export const withTime = (label: string, needed: Needed | null): string =>
  needed === null ? label : `${label} (${takes(needed)})`;

/** Asked before a measurement starts by itself. */
export const question = (needed: Needed | null): string =>
  needed === null
    ? `Measure this plan? ${SPEED_SUMMARY.unknownTime}`
    : `Measuring this plan takes ${takes(needed)}.`;

export interface Phase {
  /** Of the model's load, of warm-up or of timed runs. */
  phase: 'load' | 'warmup' | 'timed' | 'sweep';
  /** Which model loads; null when both take turns. */
  which: 'original' | 'pruned' | null;
  /** What is done of what: runs, or programs to compile; null for bytes, which the bar shows. */
  count: readonly [at: number, of: number] | null;
  /** Compiling, not reading. */
  compiles: boolean;
  secondsLeft: number | null;
}

/** "Loading the pruned model, compiling 1 of 1, 40 s left", "Timed run 3 of 10, 6 s left". */
export function phaseWords({ phase, which, count, compiles, secondsLeft }: Phase): string {
  const of = count ? ` ${count[0]} of ${count[1]}` : '';
  const model = { original: ' the original', pruned: ' the pruned model', none: '' };
  const words = {
    load: `Loading${model[which ?? 'none']}${compiles ? `, compiling${of}` : ''}`,
    warmup: `Warm-up run${of}`,
    timed: `Timed run${of}`,
    sweep: `Run${of}`,
  };
  const left = secondsLeft === null ? '' : `, ${roughTime(secondsLeft)} left`;
  return `${words[phase]}${left}`;
}
