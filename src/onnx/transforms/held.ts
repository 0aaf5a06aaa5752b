// Rows that are made once for the several tensors that are read of them, one after the other.

/** What each part of some rows is, by name. */
type Made<Part extends string> = Record<Part, Uint8Array>;

interface Held<Part extends string> {
  parts: Map<Part, Promise<Uint8Array>>;
  /** Bytes that nobody has asked for yet. */
  left: Record<Part, number>;
}

/** Bounds of what is held, in bytes: of the first part, and of the others once it is read. */
export interface HeldLimits {
  first: number;
  others: number;
}

/**
 * Holds each part of what was made until as many bytes as it has have been asked for. Of the first
 * part the rows made last stay, of the others those made first: a second reader that follows the
 * first one through all parts finds what there is room for, and the rest is made again.
 */
export class HeldRows<Part extends string> {
  private readonly held = new Map<number, Held<Part>>();
  private readonly names: readonly Part[];
  private readonly limits: HeldLimits;
  private readonly make: (row: number) => {
    made: Promise<Made<Part>>;
    bytes: Record<Part, number>;
  };
  private others = 0;

  /**
   * @param names of the parts, in the order in which they are read
   * @param make the parts of the rows from one on, and their bytes
   */
  constructor(
    names: readonly Part[],
    limits: HeldLimits,
    make: (row: number) => { made: Promise<Made<Part>>; bytes: Record<Part, number> },
  ) {
    this.names = names;
    this.limits = limits;
    this.make = make;
  }

  /** A part of the rows from `row` on, of which so many bytes are wanted. */
  take(row: number, part: Part, bytes: number): Promise<Uint8Array> {
    let one = this.held.get(row);
    if (!one?.parts.has(part)) {
      this.drop(row);
      one = this.begin(row);
    }
    const promise = one.parts.get(part)!;
    const [first] = this.names as [Part];
    const before = one.parts.has(first) ? 0 : this.rest(one);
    one.left[part] -= bytes;
    if (one.left[part] <= 0) one.parts.delete(part);
    const after = one.parts.has(first) ? 0 : this.rest(one);
    this.others += after - before;
    if (!one.parts.has(first) && (after === 0 || this.others > this.limits.others)) this.drop(row);
    return promise;
  }

  private begin(row: number): Held<Part> {
    const { made, bytes } = this.make(row);
    const parts = new Map(this.names.map((name) => [name, made.then((all) => all[name])]));
    const one = { parts, left: { ...bytes } };
    for (const promise of parts.values())
      promise.catch(() => {
        if (this.held.get(row) === one) this.drop(row);
      });
    this.held.set(row, one);
    const [first] = this.names as [Part];
    let sum = 0;
    for (const [at, other] of [...this.held].reverse()) {
      if (!other.parts.has(first)) continue;
      sum += bytes[first];
      if (other !== one && sum > this.limits.first) this.drop(at);
    }
    return one;
  }

  /** Bytes of the parts after the first that nobody has asked for. */
  private rest({ left }: Held<Part>): number {
    return this.names.slice(1).reduce((sum, name) => sum + Math.max(0, left[name]), 0);
  }

  private drop(row: number): void {
    const one = this.held.get(row);
    if (!one) return;
    this.held.delete(row);
    if (!one.parts.has(this.names[0] as Part)) this.others -= this.rest(one);
  }
}
