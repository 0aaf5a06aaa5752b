// Measures plans against a goal, original and pruned in turns: again while there is doubt, and
// pools what was measured.

import { type Goal, meetsGoal } from '../../analysis/goal.ts';
import { relativeError } from '../../analysis/speed.ts';
import { cancelled, fromReport } from '../../errors.ts';
import type { Unit } from '../../units.ts';
import * as words from '../../words/goal.ts';
import type { SpeedContext } from '../speed/job.ts';
import type { Measured } from '../speed/state.ts';
import { pooled, readings } from './pooled.ts';
import type { Steps } from './steps.ts';
import {
  exactly,
  expected,
  originalSpeed,
  quickPair,
  type Reading,
  readingOf,
  SETTINGS,
} from './target.ts';

/** A plan is measured at most this often, and all together at most this often again; ours. */
const MOST_READINGS = 3;
const MOST_REPEATS = 4;
/** Gains that are farther apart are a reason to measure again, as a share; ours. */
const APART = 0.3;

export interface Measuring {
  /** In the words of the goal. */
  inWords(reading: Reading): string;
  measureOriginal(): Promise<void>;
  read(removed: readonly Unit[], goal: Goal): Promise<Reading>;
}

/** The goal holds at the worse end of the interval. */
export const isMet = ({ ci95 }: Reading, goal: Goal): boolean =>
  ci95.every((end) => meetsGoal(end, goal));

function verdictOf(reading: Reading, goal: Goal): keyof typeof words.VERDICTS {
  if (isMet(reading, goal)) return 'enough';
  if (meetsGoal(reading.value, goal)) return 'probably';
  return reading.ci95.some((end) => meetsGoal(end, goal)) ? 'hardly' : 'not';
}

const isApart = (a: number, b: number) => Math.abs(relativeError(a, b)) > APART;

/**
 * Why a plan is measured once more, or null: it contradicts the prediction or itself, or its
 * interval leaves open whether it meets the goal.
 */
function doubt(
  parts: readonly Reading[],
  all: Reading,
  goal: Goal,
  gain: number | null,
): string | null {
  if (parts.length >= MOST_READINGS) return null;
  const [first] = parts;
  if (parts.length === 1 && gain !== null && isApart(gain, first!.value)) return words.STEPS.apart;
  if (parts.some(({ value }) => isApart(value, first!.value))) return words.STEPS.unequal;
  const [low, high] = all.ci95;
  const isOpen = meetsGoal(low, goal) !== meetsGoal(high, goal);
  // A mean that misses the goal is looked at once more, one that meets it until it is sure.
  return isOpen && (parts.length === 1 || meetsGoal(all.value, goal))
    ? words.STEPS.straddles
    : null;
}

/** Of three measurements that contradict each other, the two that agree best. */
function agreeing(parts: readonly Measured[], ratioOf: (one: Measured) => number): Measured[] {
  const ratios = parts.map(ratioOf);
  const isOdd = parts.length > 2 && isApart(Math.max(...ratios), Math.min(...ratios));
  if (!isOdd) return [...parts];
  const middle = [...ratios].sort((a, b) => a - b)[1]!;
  const distance = (one: Measured) => Math.abs(Math.log(ratioOf(one) / middle));
  return [...parts].sort((a, b) => distance(a) - distance(b)).slice(0, 2);
}

export function makeMeasuring(
  { get, speedJob }: SpeedContext,
  steps: Steps,
  isWanted: () => boolean,
): Measuring {
  let repeats = 0;
  const inWords = (reading: Reading) =>
    words.reached(get().goal.kind, reading, originalSpeed(get())?.speed.throughput.mean ?? null);

  async function measure(removed: readonly Unit[]): Promise<Measured> {
    const one = await speedJob.measure(removed, SETTINGS, false, get().export.dtype);
    if (!isWanted()) throw cancelled();
    const { original, pruned } = one.result.errors;
    const error = (removed.length > 0 ? pruned : undefined) ?? original;
    if (error) throw fromReport(error);
    return one;
  }

  return {
    inWords,
    async measureOriginal() {
      steps.begin('speed', words.STEPS.original);
      await measure([]);
      const { min, max, mean } = originalSpeed(get())!.speed.throughput;
      steps.end(inWords({ value: 1, ci95: [min / mean, max / mean] }));
    },
    async read(removed, goal) {
      const { kind } = get().goal;
      const read = (one: Measured) => readingOf(kind, one)!;
      const before = expected(get(), removed);
      const gain = before?.isPredicted && kind !== 'memory' ? before.value : null;
      const known = quickPair(get(), removed);
      const parts: Measured[] = known ? [known] : [];
      let again: string | null = null;
      for (;;) {
        const { length } = parts;
        const predicted = before?.isPredicted ? inWords(exactly(before.value)) : null;
        if (length === 0 || again !== null) {
          if (again === null) steps.begin('speed', words.STEPS.speed(removed.length, predicted));
          else steps.again('speed', words.STEPS.speedAgain(removed.length, again));
          parts.push(await measure(removed));
        } else steps.begin('speed', words.STEPS.knownSpeed(removed.length));
        const used = agreeing(parts, (one) => read(one).value);
        const one = used.reduce(pooled);
        speedJob.keep(one);
        const reading = read(one);
        const left = parts.length - used.length;
        steps.end(
          words.STEPS.speedRead(inWords(reading), readings(one), left, verdictOf(reading, goal)),
        );
        // Equal bytes need no second look.
        again = kind === 'memory' ? null : doubt(parts.map(read), reading, goal, gain);
        if (again === null || repeats === MOST_REPEATS) return reading;
        repeats++;
      }
    },
  };
}
