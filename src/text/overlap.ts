// The overlap of an evaluation text with the calibration windows, in token n-grams.

/**
 * Tokens of an n-gram: long enough for two texts rarely to share one by chance. The contamination
 * study of GPT-3 (Brown et al., 2020, appendix C) uses 13 words.
 */
export const OVERLAP_TOKENS = 13;

/**
 * Share of the n-grams of a text, one per position, that occur in a calibration window; 0 for a
 * text or windows shorter than n.
 * @param ids token ids of the evaluation text, without special tokens.
 * @param windows calibration windows, with or without BOS.
 */
export function overlapShare(
  ids: readonly number[],
  windows: readonly (readonly number[])[],
  n = OVERLAP_TOKENS,
): number {
  return overlapOf([ids], windows, n);
}

/** As `overlapShare`, of a text in several lists of ids. */
export function overlapOf(
  lists: readonly (readonly number[])[],
  windows: readonly (readonly number[])[],
  n = OVERLAP_TOKENS,
): number {
  const count = lists.reduce((sum, { length }) => sum + Math.max(0, length - n + 1), 0);
  if (count === 0) return 0;
  const places = new Map<number, { window: readonly number[]; at: number }[]>();
  for (const window of windows)
    eachHash(window, n, (hash, at) => {
      const known = places.get(hash);
      if (!known) places.set(hash, [{ window, at }]);
      else if (!known.some((place) => sameRun(window, at, place.window, place.at, n)))
        known.push({ window, at });
    });
  let shared = 0;
  for (const ids of lists)
    eachHash(ids, n, (hash, at) => {
      if (places.get(hash)?.some((place) => sameRun(ids, at, place.window, place.at, n))) shared++;
    });
  return shared / count;
}

/** A share at the start of a sentence: "12", "3.4", "Under 0.1". */
export function percentWords(share: number): string {
  const percent = share * 100;
  return percent < 0.1 ? 'Under 0.1' : percent.toFixed(percent < 10 ? 1 : 0);
}

/** A warning about the overlap, or null when there is none. */
export function overlapWarning(share: number, n = OVERLAP_TOKENS): string | null {
  if (share <= 0) return null;
  return (
    `${percentWords(share)} % of the ${n}-token sequences of the evaluation text also occur in ` +
    'the calibration windows: the plan was chosen on text that it is now measured on, so these ' +
    'numbers are too good.'
  );
}

/** 32-bit FNV-1a over the ids of each n-gram; n-grams of equal hash are compared id by id. */
function eachHash(
  ids: readonly number[],
  n: number,
  visit: (hash: number, at: number) => void,
): void {
  for (let at = 0; at + n <= ids.length; at++) {
    let hash = 0x811c9dc5;
    for (let k = at; k < at + n; k++) hash = Math.imul(hash ^ (ids[k] ?? 0), 0x01000193);
    visit(hash >>> 0, at);
  }
}

function sameRun(
  a: readonly number[],
  i: number,
  b: readonly number[],
  j: number,
  n: number,
): boolean {
  for (let k = 0; k < n; k++) if (a[i + k] !== b[j + k]) return false;
  return true;
}
