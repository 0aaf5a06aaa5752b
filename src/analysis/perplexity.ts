// Mean negative log-likelihoods and perplexities derived from them; must not know where the numbers
// come from.

/**
 * A mean NLL in nats per predicted token with what is derived from it; has the shape of the
 * worker's `Measure`.
 */
export interface Perplexity {
  nll: number;
  /** exp(nll), or null when that is not a finite float64. */
  ppl: number | null;
  nllPerWindow: number[];
}

/**
 * exp(nll); null when it overflows or the NLL is no number. JSON has no infinity, the NLL is
 * authoritative.
 */
export function perplexity(nll: number): number | null {
  const ppl = Math.exp(nll);
  return Number.isFinite(ppl) ? ppl : null;
}

/** Arithmetic mean, in float64; NaN of nothing. */
export function mean(values: readonly number[]): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}

/**
 * The measure of a set of windows of one length: every window predicts as many tokens, so the mean
 * of window means is the mean over tokens.
 * @param nllPerWindow mean NLL of each window, nats per token
 */
export function measureWindows(nllPerWindow: readonly number[]): Perplexity {
  const nll = mean(nllPerWindow);
  return { nll, ppl: perplexity(nll), nllPerWindow: [...nllPerWindow] };
}
