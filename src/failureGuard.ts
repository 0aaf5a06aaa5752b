// Rejects everything that waits for a device or a worker when that device or worker fails.

/**
 * Rejects guarded promises when the device or worker fails on which they depend. Promise.race with
 * one long-lived promise would keep every result in memory until that promise settles.
 */
export class FailureGuard {
  private readonly waiting = new Set<(reason: Error) => void>();
  private reason: Error | null = null;

  /** Declares the failure: rejects everything that waits, and everything guarded from now on. */
  declare(reason: Error): void {
    this.reason ??= reason;
    for (const reject of this.waiting) reject(this.reason);
    this.waiting.clear();
  }

  /** The same promise, but rejected at once when a failure is declared. */
  guard<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.reason) reject(this.reason);
      else this.waiting.add(reject);
      work.then(resolve, reject).finally(() => this.waiting.delete(reject));
    });
  }
}
