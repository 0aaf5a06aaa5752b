// Rejects everything that waits for a device or a worker as soon as that device or worker fails.

/**
 * Guards promises against the failure of what they depend on. Promise.race with one long-lived
 * promise would hold every result until that one settles.
 */
export class FailureGuard {
  private readonly waiting = new Set<(reason: Error) => void>();
  private reason: Error | null = null;

  /** It has failed: everything that waits rejects, and whatever is guarded from now on. */
  declare(reason: Error): void {
    this.reason ??= reason;
    for (const reject of this.waiting) reject(this.reason);
    this.waiting.clear();
  }

  /** The same promise, but rejected at once on failure. */
  guard<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.reason) reject(this.reason);
      else this.waiting.add(reject);
      work.then(resolve, reject).finally(() => this.waiting.delete(reject));
    });
  }
}
