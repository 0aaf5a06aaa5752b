// The importance curve of the sample, for the first page; a test compares it with the goldens.

/**
 * Perplexity of the sample without block 0 .. 15, and of the original: 10 windows of 128 tokens of
 * the bundled text, float32.
 */
export const SAMPLE_CURVE = {
  baseline: 41.26,
  without: [
    5885.5, 42.5, 42.5, 43.1, 54.3, 44.2, 45.8, 42.2, 42.5, 42.3, 43.7, 44.2, 43.6, 43.3, 43.1,
    46.4,
  ],
} as const;
