// A perplexity in a sentence.

/** Four digits; a perplexity that overflows a float64 is null. */
export const pplWords = (ppl: number | null): string => ppl?.toPrecision(4) ?? 'off the scale';
