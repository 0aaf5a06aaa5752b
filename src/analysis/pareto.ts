// The Pareto front: the variants for which no other is both faster and better.

/** Speed and quality of a variant: more speed and a lower NLL are better. */
export interface TradeOff {
  /** The gain over one original, or tokens/s of one device. */
  speed: number;
  /** Mean NLL, nats per token: orders variants as perplexity does, without overflow. */
  nll: number;
}

/**
 * The points that no other dominates (at least as good in both, better in one), slowest first. Of
 * equal points the first is kept; points with NaN are dropped.
 */
export function paretoFront<T extends TradeOff>(points: readonly T[]): T[] {
  const fastestFirst = points
    .filter((point) => !Number.isNaN(point.speed) && !Number.isNaN(point.nll))
    .sort((a, b) => b.speed - a.speed || a.nll - b.nll);
  const front: T[] = [];
  for (const point of fastestFirst) {
    const last = front.at(-1);
    if (!last || point.nll < last.nll) front.push(point);
  }
  return front.reverse();
}
