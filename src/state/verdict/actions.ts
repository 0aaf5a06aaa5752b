// Setting the thresholds of the verdict; they are remembered between visits.

import { DEFAULT_THRESHOLDS, type Thresholds } from '../../words/verdict.ts';
import type { Context } from '../context.ts';

export interface VerdictActions {
  /** Keeps `broken` above `usable`: what was typed last moves the other one along. */
  setThresholds(fields: Partial<Thresholds>): void;
  resetThresholds(): void;
}

const NAME = 'verdict';
const ORDER: readonly (keyof Thresholds)[] = ['usableRise', 'brokenRise', 'usableKl', 'brokenKl'];

/** Stored numbers as thresholds; null when they are none. */
function fromNumbers(numbers: readonly number[] | null): Thresholds | null {
  if (numbers?.length !== ORDER.length || numbers.some((one) => !(one >= 0))) return null;
  const [usableRise, brokenRise, usableKl, brokenKl] = numbers as [number, number, number, number];
  return { usableRise, brokenRise, usableKl, brokenKl };
}

export function makeVerdictActions(context: Context): VerdictActions {
  const { get, patch, choices } = context;
  void choices?.recallNumbers(NAME).then((numbers) => {
    const thresholds = fromNumbers(numbers);
    if (thresholds) patch('verdict', { thresholds });
  });

  function set(thresholds: Thresholds): void {
    patch('verdict', { thresholds });
    void choices?.rememberNumbers(
      NAME,
      ORDER.map((name) => thresholds[name]),
    );
  }

  return {
    setThresholds(fields) {
      const next = { ...get().verdict.thresholds, ...fields };
      const isBroken = fields.brokenRise !== undefined || fields.brokenKl !== undefined;
      const pick = isBroken ? Math.min : Math.max;
      set({
        usableRise: isBroken ? pick(next.usableRise, next.brokenRise) : next.usableRise,
        brokenRise: isBroken ? next.brokenRise : pick(next.usableRise, next.brokenRise),
        usableKl: isBroken ? pick(next.usableKl, next.brokenKl) : next.usableKl,
        brokenKl: isBroken ? next.brokenKl : pick(next.usableKl, next.brokenKl),
      });
    },
    resetThresholds: () => set(DEFAULT_THRESHOLDS),
  };
}
