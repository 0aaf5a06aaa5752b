// Takes calibration windows out of the token ids of a text, evenly spaced or at random.

import { EspalierError } from '../errors.ts';

export interface WindowRequest {
  /** What messages call the text. */
  name?: string;
  /** Token ids of the whole text, without special tokens. */
  ids: readonly number[];
  /** Number of windows S. */
  samples: number;
  /** Tokens per window L, BOS included. */
  length: number;
  sampler: 'even' | 'random';
  /** Uniform unsigned 32-bit integers of a seeded generator, for the random sampler. */
  random: () => number;
  /** The token put before every window, or null for none. */
  bos: number | null;
  /** Intervals will be computed over the windows: they count as independent of each other. */
  intervals?: boolean;
}

export interface Windows {
  /** S windows of L token ids. */
  windows: number[][];
  /** Index in `ids` of the first token of each window (BOS not counted), ascending. */
  starts: number[];
  /** Notes to show: fewer windows than requested, or windows that overlap. */
  notes: string[];
}

function requireInteger(value: number, name: string, least: number): void {
  if (!Number.isSafeInteger(value) || value < least)
    throw new EspalierError(
      'bad-input',
      `${name} must be a whole number of at least ${least}, not ${value}.`,
      'Change the settings.',
    );
}

/**
 * Starts at floor(k * (n - L) / S) for k = 0..S-1, with S at most the number of distinct starts.
 */
function evenStarts(n: number, length: number, samples: number): number[] {
  const room = n - length;
  const count = Math.min(samples, Math.max(1, room));
  return Array.from({ length: count }, (_, k) => Math.floor((k * room) / count));
}

/** Uniform integer in [0, bound) without modulo bias; bound <= 2^32. */
function below(random: () => number, bound: number): number {
  const limit = 2 ** 32 - (2 ** 32 % bound);
  for (;;) {
    const value = random();
    if (value < limit) return value % bound;
  }
}

/**
 * Starts of S disjoint windows, every placement equally likely: S distinct slots out of
 * n - S * L + S, each shifted by the lengths of the windows before it.
 */
function randomStarts(n: number, length: number, samples: number, random: () => number): number[] {
  const count = Math.min(samples, Math.floor(n / length));
  const slots = n - count * length + count;
  const chosen = new Set<number>();
  // Floyd's algorithm: one draw per window, without rejection.
  for (let j = slots - count; j < slots; j++) {
    const pick = below(random, j + 1);
    chosen.add(chosen.has(pick) ? j : pick);
  }
  return [...chosen].sort((a, b) => a - b).map((slot, k) => slot + k * (length - 1));
}

/**
 * Takes S windows of L tokens out of a text. With a BOS token, a window is BOS + L - 1 tokens of
 * the text, and L - 1 replaces L in the computation of the starts (docs/numerics.md).
 * @throws EspalierError `bad-input` when the text is too short for one window, or when samples or
 *   length are invalid.
 */
export function sampleWindows({
  name = 'The text',
  ids,
  samples,
  length,
  sampler,
  random,
  bos,
  intervals = false,
}: WindowRequest): Windows {
  requireInteger(samples, 'The number of windows', 1);
  requireInteger(length, 'The window length', 2);
  const content = bos === null ? length : length - 1;
  if (ids.length < content)
    throw new EspalierError(
      'bad-input',
      `${name} is too short: it has ${ids.length} tokens, one window needs ${content}.`,
      'Use a longer text or shorter windows.',
    );
  const starts =
    sampler === 'even'
      ? evenStarts(ids.length, content, samples)
      : randomStarts(ids.length, content, samples, random);
  const notes: string[] = [];
  if (starts.length < samples)
    notes.push(
      `The text has ${ids.length} tokens, enough for ${starts.length} of the ${samples} ` +
        'requested windows.',
    );
  if (starts.some((start, k) => k > 0 && start < starts[k - 1]! + content))
    notes.push(
      `The text has ${ids.length} tokens, so the ${starts.length} windows of ${content} ` +
        `tokens overlap${intervals ? ': intervals come out too narrow' : ''}.`,
    );
  const windows = starts.map((start) => {
    const window = ids.slice(start, start + content);
    return bos === null ? window : [bos, ...window];
  });
  return { windows, starts, notes };
}

/**
 * The BOS policy to use: the requested one, or by default what the tokenizer does by itself.
 * @throws EspalierError `tokenizer` when `every` is requested and the tokenizer has no BOS token.
 */
export function resolveBos(
  requested: 'none' | 'every' | null,
  tokenizer: { addsBos: boolean; bosId: number | null },
): { policy: 'none' | 'every'; bos: number | null } {
  const policy = requested ?? (tokenizer.addsBos ? 'every' : 'none');
  if (policy === 'none') return { policy, bos: null };
  if (tokenizer.bosId === null)
    throw new EspalierError(
      'tokenizer',
      'The tokenizer has no beginning-of-sequence token.',
      'Choose the BOS policy "none".',
    );
  return { policy, bos: tokenizer.bosId };
}

/**
 * Checks windows of token ids that the user provides: any number of rows of one length.
 * @throws EspalierError `bad-input`, naming the first row that does not fit.
 */
export function checkGivenWindows(value: unknown, vocabSize: number): number[][] {
  const fail = (message: string): EspalierError =>
    new EspalierError(
      'bad-input',
      message,
      'Give a JSON array of arrays of token ids, all of one length of at least 2.',
    );
  if (!Array.isArray(value) || value.length === 0)
    throw fail('The windows are not an array of arrays with at least one row.');
  const rows = value as unknown[];
  const length = Array.isArray(rows[0]) ? rows[0].length : 0;
  if (length < 2) throw fail(`The first window has ${length} tokens; it needs at least 2.`);
  return rows.map((row, r) => {
    if (!Array.isArray(row) || row.length !== length)
      throw fail(
        `Window ${r} has ${Array.isArray(row) ? row.length : 'no'} tokens, the first has ` +
          `${length}.`,
      );
    return (row as unknown[]).map((id, t) => {
      if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id >= vocabSize)
        throw fail(
          `Window ${r}, position ${t}: ${String(id)} is not a token id below ${vocabSize}.`,
        );
      return id;
    });
  });
}
