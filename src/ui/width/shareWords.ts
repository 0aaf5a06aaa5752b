// A share of the weights as people read it.

/** "17.9 %". */
export const shareWords = (share: number): string => `${(100 * share).toFixed(1)} %`;
