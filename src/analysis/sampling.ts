// Chooses the next token from a row of logits: greedily, or sampled with temperature, top-k and
// top-p.

import { EspalierError } from '../errors.ts';
import { xoshiro128 } from './random.ts';
import { selectFromTop } from './select.ts';

/** Temperature 0 is greedy, whatever the rest; `topK` 0 and `topP` 1 are off. */
export interface Sampling {
  temperature: number;
  topK: number;
  topP: number;
  seed: number;
}

/** The defaults: greedy. */
export const GREEDY: Sampling = { temperature: 0, topK: 0, topP: 1, seed: 0 };

/** @throws EspalierError `bad-input`, naming the first invalid value. */
export function checkSampling({ temperature, topK, topP, seed }: Sampling): void {
  const wrong = (message: string): EspalierError =>
    new EspalierError('bad-input', message, 'Change the sampling settings.');
  if (!Number.isFinite(temperature) || temperature < 0)
    throw wrong(
      `The temperature must be a number of at least 0 (0 is greedy), not ${temperature}.`,
    );
  if (!Number.isSafeInteger(topK) || topK < 0)
    throw wrong(`Top-k must be a whole number of at least 0 (0 is off), not ${topK}.`);
  if (!(topP > 0 && topP <= 1))
    throw wrong(`Top-p must be above 0 and at most 1 (1 is off), not ${topP}.`);
  if (!Number.isSafeInteger(seed)) throw wrong(`The seed must be a whole number, not ${seed}.`);
}

/** Index of the first largest logit; -1 when all are NaN or -Infinity. */
export function argmax(logits: Float32Array): number {
  let best = -1;
  let top = Number.NEGATIVE_INFINITY;
  for (let id = 0; id < logits.length; id++) {
    // A comparison with NaN is false.
    if (logits[id]! > top) {
      top = logits[id]!;
      best = id;
    }
  }
  return best;
}

/**
 * A function that chooses one token id per call from a row of logits (V,), which it does not
 * change. When sampling: temperature, then top-k (ties with the k-th logit stay), then top-p (the
 * fewest most likely tokens whose probability reaches p; of ties the lower ids), in the order of
 * generate() in Hugging Face Transformers. Each call takes two words from the generator, so that
 * two models with one seed stay in step. O(V), without sorting. NaN and -Infinity are never chosen.
 * @throws EspalierError `bad-input` as `checkSampling`. The function throws `unsupported-graph`
 *   when all logits are NaN or -Infinity.
 */
export function createSampler(sampling: Sampling): (logits: Float32Array) => number {
  checkSampling(sampling);
  const { temperature, topK, topP, seed } = sampling;
  if (temperature === 0) return (logits) => usable(argmax(logits), logits.length);

  const random = xoshiro128(seed);
  // Candidates in ascending order of ids.
  let ids = new Int32Array(0);
  let weights = new Float64Array(0);
  let scratch = new Float64Array(0);
  return (logits) => {
    const vocab = logits.length;
    const top = logits[usable(argmax(logits), vocab)]!;
    if (ids.length !== vocab) {
      ids = new Int32Array(vocab);
      weights = new Float64Array(vocab);
      scratch = new Float64Array(vocab);
    }
    const least =
      topK > 0 && topK < vocab ? kthLargest(logits, topK, scratch) : Number.NEGATIVE_INFINITY;
    let count = 0;
    for (let id = 0; id < vocab; id++) {
      const logit = logits[id]!;
      // False for NaN.
      if (logit >= least) {
        // Equality first: Infinity - Infinity is NaN.
        weights[count] = logit === top ? 1 : Math.exp((logit - top) / temperature);
        ids[count++] = id;
      }
    }
    if (topP < 1) count = keepNucleus(ids, weights, count, topP, scratch);
    return ids[draw(weights, count, random)]!;
  };
}

/** Draws an index with probability proportional to its weight; never one of weight 0. */
function draw(weights: Float64Array, count: number, random: () => number): number {
  let total = 0;
  for (let i = 0; i < count; i++) total += weights[i]!;
  let left = (((random() >>> 5) * 2 ** 26 + (random() >>> 6)) / 2 ** 53) * total;
  let chosen = 0;
  for (let i = 0; i < count; i++) {
    if (weights[i] === 0) continue;
    chosen = i;
    left -= weights[i]!;
    if (left < 0) break;
  }
  return chosen;
}

function usable(id: number, vocab: number): number {
  if (id >= 0) return id;
  throw new EspalierError(
    'unsupported-graph',
    `None of the ${vocab} logits is a number (all are NaN or -Infinity), so there is no next ` +
      'token.',
    'The numbers overflow on this device or in this precision, or weights are damaged: try the ' +
      'other device, or a graph in another precision.',
  );
}

/**
 * The k-th largest logit, ignoring NaN; -Infinity when there are at most k.
 * @param scratch at least as long as the logits.
 */
function kthLargest(logits: Float32Array, k: number, scratch: Float64Array): number {
  let least = Number.NEGATIVE_INFINITY;
  let count = 0;
  // Few values exceed the k-th largest of those before them, so that the buffer seldom fills up.
  const full = Math.min(scratch.length, 4 * k + 1024);
  for (let id = 0; id < logits.length; id++) {
    const value = logits[id]!;
    if (!(value >= least)) continue;
    if (count === full) {
      least = selectFromTop(scratch.subarray(0, count), k, 'count').value;
      count = keepTop(scratch, count, least, k);
    }
    scratch[count++] = value;
  }
  return count <= k
    ? Number.NEGATIVE_INFINITY
    : selectFromTop(scratch.subarray(0, count), k, 'count').value;
}

/** Moves the k largest values to the front; `least` is the smallest of them. */
function keepTop(values: Float64Array, count: number, least: number, k: number): number {
  let kept = 0;
  for (let i = 0; i < count; i++) if (values[i]! > least) values[kept++] = values[i]!;
  values.fill(least, kept, k);
  return k;
}

/**
 * Keeps the fewest largest weights whose share of the total reaches `topP`, in the given order, and
 * returns how many there are.
 */
function keepNucleus(
  ids: Int32Array,
  weights: Float64Array,
  count: number,
  topP: number,
  scratch: Float64Array,
): number {
  let total = 0;
  for (let i = 0; i < count; i++) total += weights[i]!;
  scratch.set(weights.subarray(0, count));
  const { value: least, above } = selectFromTop(scratch.subarray(0, count), topP * total, 'sum');
  let room = Math.max(1, Math.ceil((topP * total - above) / least));
  let kept = 0;
  for (let i = 0; i < count; i++) {
    const weight = weights[i]!;
    if (!(weight > least || (weight === least && room-- > 0))) continue;
    weights[kept] = weight;
    ids[kept++] = ids[i]!;
  }
  return kept;
}
