// The axis of a logarithmic chart of perplexities, and which values are off the scale.

import { perplexity } from './perplexity.ts';

export interface ChartScale {
  /** Lower and upper end of the axis, in perplexity, with a margin around the values shown. */
  domain: [number, number];
  /** For each value: on the axis, off the scale, or not finite. */
  marks: ('shown' | 'off' | 'infinite')[];
}

/** Perplexity from which a value is always off the scale; removing an early block can give more. */
const ALWAYS_OFF = 1e6;
/** A rise in NLL is off the scale beyond this multiple of the third quartile of all rises. */
const FAR = 8;
/** Rises below this many nats are always on the scale. */
const NEAR_NATS = 0.2;

/**
 * The axis of an importance curve. Rises are nats above the original, which a logarithmic axis of
 * perplexity shows in proportion.
 * @param baselineNll NLL of the original, nats per token.
 * @param nlls NLL without each block; NaN and Infinity are allowed.
 */
export function chartScale(baselineNll: number, nlls: readonly number[]): ChartScale {
  const rises = nlls
    .filter((nll) => perplexity(nll) !== null)
    .map((nll) => nll - baselineNll)
    .sort((a, b) => a - b);
  const thirdQuartile =
    rises.length >= 4 ? rises[Math.floor(0.75 * (rises.length - 1))]! : Number.POSITIVE_INFINITY;
  const limit = Math.max(FAR * thirdQuartile, NEAR_NATS);
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
  const margin = Math.max(0.08 * (high - low), 0.01);
  return { domain: [Math.exp(low - margin), Math.exp(high + margin)], marks };
}
