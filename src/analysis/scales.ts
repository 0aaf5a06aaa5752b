// Which perplexities a logarithmic chart can show without flattening the rest; must not drop a
// value, only mark it.

import { perplexity } from './perplexity.ts';

export interface ChartScale {
  /** Lower and upper end of the axis in PPL, with room around what is shown. */
  domain: [number, number];
  /** For each value: shown at its place, beyond the axis, or not finite. */
  marks: ('shown' | 'off' | 'infinite')[];
}

/**
 * A PPL from here on is an ordinary result of removing an early block, but is never shown at its
 * place (method.md 2).
 */
const ALWAYS_OFF = 1e6;
/**
 * Off the scale: this many times as far above the intact model, in nats, as three quarters of the
 * blocks are.
 */
const FAR = 8;
/** Rises below this many nats always fit. */
const NEAR_NATS = 0.2;

/**
 * Axis of an importance curve. Distances are nats above the intact model, which a log axis shows in
 * proportion.
 * @param baselineNll NLL of the intact model, nats per token
 * @param nlls NLL without each block; NaN and Infinity are allowed
 */
export function chartScale(baselineNll: number, nlls: readonly number[]): ChartScale {
  const rises = nlls
    .filter((nll) => perplexity(nll) !== null)
    .map((nll) => nll - baselineNll)
    .sort((a, b) => a - b);
  const quarter =
    rises.length >= 4 ? rises[Math.floor(0.75 * (rises.length - 1))]! : Number.POSITIVE_INFINITY;
  const limit = Math.max(FAR * quarter, NEAR_NATS);
  const marks = nlls.map((nll) => {
    const ppl = perplexity(nll);
    if (ppl === null) return 'infinite';
    return ppl >= ALWAYS_OFF || nll - baselineNll > limit ? 'off' : 'shown';
  });
  const shown = [baselineNll, ...nlls.filter((_, i) => marks[i] === 'shown')].filter((nll) =>
    Number.isFinite(nll),
  );
  const low = Math.min(...shown);
  const high = Math.max(...shown);
  const room = Math.max(0.08 * (high - low), 0.01);
  return { domain: [Math.exp(low - room), Math.exp(high + room)], marks };
}
