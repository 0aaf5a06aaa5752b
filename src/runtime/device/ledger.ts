// Counts the bytes that the runtime itself holds on a device, by purpose.

export type Purpose = 'weights' | 'hidden' | 'scratch' | 'cache';

/** Live and peak bytes of own buffers. Memory inside ONNX Runtime's sessions is not seen here. */
export class Ledger {
  private readonly live: Record<Purpose, number> = { weights: 0, hidden: 0, scratch: 0, cache: 0 };
  private readonly top: Record<Purpose, number> = { weights: 0, hidden: 0, scratch: 0, cache: 0 };
  private topTotal = 0;

  /** Records an allocation; the returned function records that it was freed, once. */
  add(purpose: Purpose, bytes: number): () => void {
    this.live[purpose] += bytes;
    this.top[purpose] = Math.max(this.top[purpose], this.live[purpose]);
    this.topTotal = Math.max(this.topTotal, this.total());
    let open = true;
    return () => {
      if (open) this.live[purpose] -= bytes;
      open = false;
    };
  }

  total(): number {
    return this.live.weights + this.live.hidden + this.live.scratch + this.live.cache;
  }

  bytes(purpose: Purpose): number {
    return this.live[purpose];
  }

  /** Largest value so far. */
  peak(purpose?: Purpose): number {
    return purpose ? this.top[purpose] : this.topTotal;
  }
}
