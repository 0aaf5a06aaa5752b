// How much of an evaluation text was seen by the calibration, in token n-grams; must not tokenise.

/**
 * Tokens of an n-gram: long enough that two texts rarely share one by chance (GPT-3's contamination
 * study uses 13 words).
 */
const OVERLAP_TOKENS = 13;

/**
 * Share of the text's n-grams (every position counts) that occur inside a calibration window; 0 for
 * a text or windows shorter than n.
 * @param ids of the evaluation text, without special tokens
 * @param windows of the calibration; a BOS in front does no harm
 */
export function overlapShare(
  ids: readonly number[],
  windows: readonly (readonly number[])[],
  n = OVERLAP_TOKENS,
): number {
  const count = ids.length - n + 1;
  if (count <= 0) return 0;
  const places = new Map<number, { window: readonly number[]; at: number }[]>();
  for (const window of windows)
    eachHash(window, n, (hash, at) => {
      const known = places.get(hash);
      if (known) known.push({ window, at });
      else places.set(hash, [{ window, at }]);
    });
  let shared = 0;
  eachHash(ids, n, (hash, at) => {
    if (places.get(hash)?.some((place) => sameRun(ids, at, place.window, place.at, n))) shared++;
  });
  return shared / count;
}

/** What the reader should know of a shared part, or null when there is none. */
export function overlapWarning(share: number, n = OVERLAP_TOKENS): string | null {
  if (share <= 0) return null;
  const percent = share * 100;
  const shown = percent < 0.1 ? 'under 0.1' : percent.toFixed(percent < 10 ? 1 : 0);
  return (
    `${shown} % of the evaluation text's runs of ${n} tokens also occur in the calibration ` +
    'windows: the plan was chosen on text that it is now measured on, so these numbers flatter ' +
    'it.'
  );
}

/** FNV-1a over the ids of each run, folded to 32 bits; runs of one hash are compared id by id. */
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
