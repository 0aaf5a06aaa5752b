// The hidden states that a session holds between jobs: those of the original, and those of the last
// plan.

import type { HiddenStates, StatesByCut } from '../pass/hidden.ts';
import { PlanStates } from './plans.ts';

export class SessionStates {
  readonly original: StatesByCut = new Map();
  readonly plans = new PlanStates();

  /** The states of the original before block `last` and earlier ones, retained for the caller. */
  upTo(last: number): Map<number, HiddenStates> {
    return new Map(
      [...this.original]
        .filter(([cut]) => cut <= last)
        .map(([cut, state]) => [cut, state.retain()]),
    );
  }

  /** Releases all of them. */
  drop(): void {
    for (const state of this.original.values()) state.release();
    this.original.clear();
    this.plans.clear();
  }
}
