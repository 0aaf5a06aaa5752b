// Records how long runs take: for the time left, and for the ideal cost that a curve is compared
// with.

/** Times of whole evaluations (all windows), by structural class ("head" for the head). */
export class RunTimer {
  private readonly times = new Map<string, { seconds: number; runs: number }>();
  private smoothed: number | null = null;

  /** `forEta`: a block evaluation, whose smoothed time predicts the rest. */
  add(kind: string, seconds: number, forEta: boolean): void {
    const before = this.times.get(kind) ?? { seconds: 0, runs: 0 };
    this.times.set(kind, { seconds: before.seconds + seconds, runs: before.runs + 1 });
    if (forEta)
      this.smoothed = this.smoothed === null ? seconds : 0.85 * this.smoothed + 0.15 * seconds;
  }

  /** Seconds for `blocks` further block evaluations and `heads` heads, or null before the first. */
  left(blocks: number, heads: number): number | null {
    return this.smoothed === null
      ? null
      : blocks * this.smoothed + heads * (this.mean('head') ?? 0);
  }

  /** Sum of the mean time of each kind times how often it ran. */
  ideal(runs: ReadonlyMap<string, number>): number | null {
    let total = 0;
    for (const [kind, times] of runs) {
      const mean = this.mean(kind);
      if (mean === null) return null;
      total += times * mean;
    }
    return total;
  }

  private mean(kind: string): number | null {
    const known = this.times.get(kind);
    return known ? known.seconds / known.runs : null;
  }
}
