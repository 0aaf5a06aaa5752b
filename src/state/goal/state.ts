// What the page knows of the goal: what a plan should reach, the steps of the run, how it ended.

import type { Unit } from '../../units.ts';
import type { GoalKind } from '../../words/goal.ts';
import type { Slice } from '../slice.ts';

/** What runs now. */
export type GoalPhase = 'score' | 'orders' | 'choose' | 'search' | 'speed';

/** One thing that the run did, in words, and what came out; null while it runs. */
export interface GoalStep {
  phase: GoalPhase;
  what: string;
  outcome: string | null;
}

/**
 * How a run ended. `met`: by a computed size, or by the lower end of the interval of a measured
 * gain; `probably`: by its mean only.
 */
type GoalEnd = 'met' | 'probably' | 'original' | 'unreachable' | 'stopped' | 'failed';

export interface GoalOutcome {
  end: GoalEnd;
  words: string;
  /** Where no plan meets the goal: the closest one, which is offered. */
  closest: readonly Unit[] | null;
  /** Id of its healing. */
  healing?: string | undefined;
}

export interface GoalSlice {
  kind: GoalKind;
  /** In the unit of the kind; null while nothing is typed. */
  value: number | null;
  /** Most that perplexity may rise, as a share of the original's: 0.1 = +10 %; null = no bound. */
  maxRise: number | null;
  /** A plan that would pass the bound is refitted: its perplexity then counts. */
  refits: boolean;
  running: boolean;
  phase: GoalPhase | null;
  steps: readonly GoalStep[];
  outcome: GoalOutcome | null;
}

/** What is asked for before anyone typed: percentages have a first value, the rest depends. */
export const FIRST_VALUE: Record<GoalKind, number | null> = {
  faster: 25,
  smaller: 25,
  size: null,
  memory: null,
  speed: null,
};

const idle = { running: false, phase: null };

const first: GoalSlice = {
  kind: 'faster',
  value: FIRST_VALUE.faster,
  maxRise: 0.1,
  refits: false,
  ...idle,
  steps: [],
  outcome: null,
};

export const GOAL: Slice<GoalSlice> = {
  first,
  keep(slice, opened) {
    if (opened === 'same-model') return { ...slice, ...idle };
    const { kind, value, maxRise, refits } = slice;
    // A percentage means the same of every model; bytes and tokens/s do not.
    const kept = FIRST_VALUE[kind] === null ? null : value;
    return { ...first, kind, value: kept, maxRise, refits };
  },
};
