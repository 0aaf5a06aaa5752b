// What holds a job between two runs, and how long it has: that time is no part of what the job
// took.

import { untilAborted } from '../../async.ts';

/** Holds a job between two runs. */
export interface Gate {
  /** Resolves when the job may continue: at once, unless it is paused. */
  wait(): Promise<void>;
}

export class TimedGate implements Gate {
  /** Time at the gate so far, ms. */
  heldMs = 0;
  /** Absent: nothing is held. */
  readonly given: Gate | undefined;

  constructor(given: Gate | undefined) {
    this.given = given;
  }

  /** @throws EspalierError `cancelled` as soon as the signal is aborted */
  async wait(signal?: AbortSignal): Promise<void> {
    if (!this.given) return;
    const start = performance.now();
    await untilAborted(this.given.wait(), signal);
    this.heldMs += performance.now() - start;
  }
}
