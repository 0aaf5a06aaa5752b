// Ends waiting when a device or a worker dies; must not keep what it waited for.

/**
 * Guards promises against the loss of a device. Promise.race with one long-lived promise would hold
 * every result until that one settles.
 */
export class Loss {
  private readonly waiting = new Set<(reason: Error) => void>();
  private reason: Error | null = null;

  /** The device is gone: everything that waits rejects, and whatever is guarded from now on. */
  declare(reason: Error): void {
    this.reason ??= reason;
    for (const reject of this.waiting) reject(this.reason);
    this.waiting.clear();
  }

  /** The same promise, but rejected at once when the device is lost. */
  guard<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.reason) reject(this.reason);
      else this.waiting.add(reject);
      work.then(resolve, reject).finally(() => this.waiting.delete(reject));
    });
  }
}
