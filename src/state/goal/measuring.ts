// Measures plans against a goal, original and pruned in turns: again while there is doubt, and
// pools what was measured.

import { type Goal, meetsGoal } from '../../analysis/goal.ts';
import type { VariantMeasure } from '../../contract/speed.ts';
import { cancelled, fromReport } from '../../errors.ts';
import type { Unit } from '../../units.ts';
import * as words from '../../words/goal.ts';
import type { SpeedContext } from '../speed/job.ts';
import type { Measured } from '../speed/state.ts';
import { gainsOf, isApart, withoutOdd } from './odd.ts';
import type { Steps } from './steps.ts';
import {
  exactly,
  expected,
  originalMeasure,
  quickPair,
  type Reading,
  readingOf,
  SETTINGS,
} from './target.ts';

/** A plan is measured at most this often, and all together at most this often again; ours. */
const MOST_READINGS = 3;
const MOST_REPEATS = 4;

export interface Measuring {
  /** In the words of the goal. */
  inWords(reading: Reading): string;
  /** The one original that absolute speeds are gains of; stays the same for the whole run. */
  original(): Promise<VariantMeasure>;
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

/**
 * Why a plan is measured once more, or null: it contradicts the prediction or itself, or its
 * interval leaves open whether it meets the goal.
 */
function doubt(one: Measured, reading: Reading, goal: Goal, predicted: number | null) {
  const gains = gainsOf(one);
  const [first] = gains;
  if (first === undefined || gains.length >= MOST_READINGS) return null;
  if (gains.length === 1 && predicted !== null && isApart(predicted, first))
    return words.STEPS.apart;
  if (isApart(Math.max(...gains), Math.min(...gains))) return words.STEPS.unequal;
  const [low, high] = reading.ci95;
  const isOpen = meetsGoal(low, goal) !== meetsGoal(high, goal);
  // A mean that misses the goal is looked at once more, one that meets it until it is sure.
  const isWorth = gains.length === 1 || meetsGoal(reading.value, goal);
  return isOpen && isWorth ? words.STEPS.straddles : null;
}

export function makeMeasuring(
  { get, speedJob }: SpeedContext,
  steps: Steps,
  isWanted: () => boolean,
): Measuring {
  let repeats = 0;
  let base: VariantMeasure | null = null;
  const inWords = (reading: Reading) =>
    words.reached(get().goal.kind, reading, base?.speed.throughput.mean ?? null);

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
    async original() {
      base ??= originalMeasure(get());
      if (base) return base;
      steps.begin('speed', words.STEPS.original);
      base = (await measure([])).result.original!;
      const { min, max, mean } = base.speed.throughput;
      steps.end(inWords({ value: 1, ci95: [min / mean, max / mean] }));
      return base;
    },
    async read(removed, goal) {
      const { kind } = get().goal;
      const k = removed.length;
      const before = expected(get(), removed);
      const predicted = before?.isPredicted ? before.value : null;
      let one = quickPair(get(), removed);
      let again: string | null = null;
      for (;;) {
        if (again !== null) steps.again('speed', words.STEPS.speedAgain(k, again));
        else if (one) steps.begin('speed', words.STEPS.knownSpeed(k));
        else {
          const inAdvance = predicted === null ? null : inWords(exactly(predicted));
          steps.begin('speed', words.STEPS.speed(k, inAdvance));
        }
        if (!one || again !== null) one = await measure(removed);
        const { used, left } = withoutOdd(one);
        if (left > 0) speedJob.keep(used);
        const reading = readingOf(kind, used)!;
        const count = gainsOf(used).length;
        steps.end(words.STEPS.speedRead(inWords(reading), count, left, verdictOf(reading, goal)));
        // Equal bytes need no second look.
        again = kind === 'memory' ? null : doubt(one, reading, goal, predicted);
        if (again === null || repeats === MOST_REPEATS) return reading;
        repeats++;
      }
    },
  };
}
