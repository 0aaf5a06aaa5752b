// Mean negative log-likelihoods, and perplexities derived from them.

/** A mean NLL in nats per predicted token, its perplexity, and the NLL of each window. */
export interface Perplexity {
  nll: number;
  /** exp(nll), or null when that is not a finite float64. */
  ppl: number | null;
  nllPerWindow: number[];
}

/** exp(nll); null when it overflows or the NLL is NaN, since JSON has neither. Compare by NLL. */
export function perplexity(nll: number): number | null {
  const ppl = Math.exp(nll);
  return Number.isFinite(ppl) ? ppl : null;
}

/** False where the model gave NaN or an infinite NLL: nothing can be compared with that. */
export const hasNumbers = ({ nll }: Pick<Perplexity, 'nll'>): boolean => Number.isFinite(nll);

/**
 * By how much perplexity rises from one mean NLL to another, nats per token, as a share: 0.19 is
 * +19 %. NaN where the first is not finite: no perplexity is a rise from that.
 */
export const riseOf = (before: number, after: number): number =>
  Number.isFinite(before) ? Math.expm1(after - before) : Number.NaN;

/** A perplexity in a sentence, with so many digits. */
export function pplWords(ppl: number | null, digits = 4): string {
  if (ppl === null) return 'off the scale';
  const short = ppl.toPrecision(digits);
  if (!short.includes('e')) return short;
  if (ppl < 1e6) return Math.round(ppl).toLocaleString('en');
  const [factor, power = ''] = ppl.toExponential(1).split('e+');
  return `${factor} × 10${[...power].map((digit) => SUPERSCRIPTS[Number(digit)]).join('')}`;
}

const SUPERSCRIPTS = '⁰¹²³⁴⁵⁶⁷⁸⁹';

/** Arithmetic mean in float64; NaN for an empty list. */
export function mean(values: readonly number[]): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}

/**
 * NLL and perplexity over windows of one length. Every window predicts as many tokens as any other,
 * so that the mean of window means is the mean over tokens.
 * @param nllPerWindow mean NLL of each window, nats per token.
 */
export function measureWindows(nllPerWindow: readonly number[]): Perplexity {
  const nll = mean(nllPerWindow);
  return { nll, ppl: perplexity(nll), nllPerWindow: [...nllPerWindow] };
}
