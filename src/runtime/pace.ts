// Remembers how long runs take: time left, and the ideal cost that a curve is held against; must not run anything.

import { mean } from '../analysis/perplexity.ts';

/** Seconds of whole evaluations (all windows), by structural class ("head" for the head). */
export class Pace {
  private readonly seconds = new Map<string, number[]>();
  private smoothed: number | null = null;

  /** `forEta`: a block evaluation, whose smoothed time predicts the rest. */
  add(kind: string, seconds: number, forEta: boolean): void {
    this.seconds.set(kind, [...(this.seconds.get(kind) ?? []), seconds]);
    if (forEta) this.smoothed = this.smoothed === null ? seconds : 0.85 * this.smoothed + 0.15 * seconds;
  }

  /** Seconds for `blocks` further block evaluations and `heads` heads, or null before the first. */
  left(blocks: number, heads: number): number | null {
    if (this.smoothed === null) return null;
    const head = this.seconds.get('head');
    return blocks * this.smoothed + (head ? heads * mean(head) : 0);
  }

  /** Sum of the mean time of each kind times how often it ran. */
  ideal(runs: ReadonlyMap<string, number>): number | null {
    let total = 0;
    for (const [kind, times] of runs) {
      const measured = this.seconds.get(kind);
      if (!measured) return null;
      total += times * mean(measured);
    }
    return total;
  }
}
