// Calibration windows from token ids (method: even or random sampler, BOS policy); must not
// tokenise or draw its own random numbers.

import { EspalierError } from '../errors.ts';

export interface WindowRequest {
  /** Token ids of the whole text, without special tokens. */
  ids: readonly number[];
  /** Number of windows S that is asked for. */
  samples: number;
  /** Tokens per window L, BOS included. */
  length: number;
  sampler: 'even' | 'random';
  /** Uniform unsigned 32-bit integers of a seeded generator; only the random sampler draws. */
  random: () => number;
  /** The token that opens every window, or null for none. */
  bos: number | null;
}

export interface Windows {
  /** S windows of L token ids. */
  windows: number[][];
  /** Index of each window's first content token in `ids`, ascending. */
  starts: number[];
  /** What the reader should know: fewer windows than asked for, or windows that overlap. */
  notes: string[];
}

function positiveInteger(value: number, name: string, least: number): void {
  if (!Number.isSafeInteger(value) || value < least)
    throw new EspalierError(
      'bad-input',
      `${name} must be a whole number of at least ${least}, not ${value}.`,
      'Change the settings.',
    );
}

/**
 * Starts at k * (n - L) / S, floored, for k = 0..S-1; S falls to the number of different starts.
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
 * S disjoint windows, every placement equally likely: S different gaps out of n - S * L + S, each
 * moved up by the windows before it.
 */
function randomStarts(n: number, length: number, samples: number, random: () => number): number[] {
  const count = Math.min(samples, Math.floor(n / length));
  const slots = n - count * length + count;
  const chosen = new Set<number>();
  // Floyd's sampling: count draws, no rejection.
  for (let j = slots - count; j < slots; j++) {
    const pick = below(random, j + 1);
    chosen.add(chosen.has(pick) ? j : pick);
  }
  return [...chosen].sort((a, b) => a - b).map((slot, k) => slot + k * (length - 1));
}

/**
 * Cuts S windows of L tokens out of a text's ids.
 * With a BOS, a window is BOS + L-1 content tokens, and L-1 replaces L in the starts (method.md,
 * perplexity).
 * @throws EspalierError `bad-input` when the text is too short for one window, or samples or length
 *   make no sense
 */
export function sampleWindows({
  ids,
  samples,
  length,
  sampler,
  random,
  bos,
}: WindowRequest): Windows {
  positiveInteger(samples, 'The number of windows', 1);
  positiveInteger(length, 'The window length', 2);
  const content = bos === null ? length : length - 1;
  if (ids.length < content)
    throw new EspalierError(
      'bad-input',
      `The text is too short: it has ${ids.length} tokens, one window needs ${content}.`,
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
        'windows asked for.',
    );
  if (starts.some((start, k) => k > 0 && start < starts[k - 1]! + content))
    notes.push(
      `The text has ${ids.length} tokens, so the ${starts.length} windows of ${content} ` +
        'tokens overlap: error bars come out too small.',
    );
  const windows = starts.map((start) => {
    const window = ids.slice(start, start + content);
    return bos === null ? window : [bos, ...window];
  });
  return { windows, starts, notes };
}

/**
 * The BOS policy in force: what was asked for, or what the tokenizer does by itself.
 * @throws EspalierError `tokenizer` when `every` is asked of a tokenizer without a BOS token
 */
export function resolveBos(
  asked: 'none' | 'every' | null,
  tokenizer: { addsBos: boolean; bosId: number | null },
): { policy: 'none' | 'every'; bos: number | null } {
  const policy = asked ?? (tokenizer.addsBos ? 'every' : 'none');
  if (policy === 'none') return { policy, bos: null };
  if (tokenizer.bosId === null)
    throw new EspalierError(
      'tokenizer',
      'The tokenizer names no beginning-of-sequence token.',
      'Choose the BOS policy "none".',
    );
  return { policy, bos: tokenizer.bosId };
}

/**
 * Windows of token ids that were given ready-made: any number of rows of one common length.
 * @throws EspalierError `bad-input` naming the first row that does not fit
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
        throw fail(`Window ${r}, position ${t}: ${String(id)} is no token id below ${vocabSize}.`);
      return id;
    });
  });
}
