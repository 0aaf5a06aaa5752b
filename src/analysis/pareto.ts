// Which variants are worth having: no other is both faster and better; must not know how they came
// about.

/** Higher tokens/s and lower NLL are better. */
export interface TradeOff {
  tokensPerSecond: number;
  /** Mean negative log-likelihood, nats per token: orders like perplexity and does not overflow. */
  nll: number;
}

/**
 * The points that none other beats (at least as good in both and better in one), slowest first; of
 * equals the first one. Points with NaN are left out.
 */
export function paretoFront<T extends TradeOff>(points: readonly T[]): T[] {
  const fastestFirst = points
    .filter((point) => !Number.isNaN(point.tokensPerSecond) && !Number.isNaN(point.nll))
    .sort((a, b) => b.tokensPerSecond - a.tokensPerSecond || a.nll - b.nll);
  const front: T[] = [];
  for (const point of fastestFirst) {
    const last = front.at(-1);
    if (!last || point.nll < last.nll) front.push(point);
  }
  return front.reverse();
}
