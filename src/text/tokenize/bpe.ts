// Byte-pair encoding: characters merged pair by pair, in the order of the merges.

import { byteTokens } from './bytes.ts';
import { malformed, type Options, unsupported } from './options.ts';
import { MAX_ID, readVocab, type TokenModel, tokensById } from './vocab.ts';

const CACHED_WORDS = 20_000;
const CACHED_CHARS = 256;
/** Places in a word are below this, so that a rank and a place are one exact number. */
const MAX_PLACES = 2 ** 31;

interface Merges {
  /** Rank of the pair a, b by a * MAX_ID + b. */
  ranks: Map<number, number>;
  /** The id that a merge makes, by rank. */
  made: number[];
}

/**
 * The options of a BPE model.
 * @throws EspalierError `tokenizer`: dropout; a merge whose parts or whole is no token
 * @source Hugging Face Tokenizers, models/bpe
 */
export function readBpe(options: Options): TokenModel {
  const vocab = readVocab(options);
  const dropout = options.raw('dropout') ?? 0;
  if (dropout !== 0) throw unsupported(`dropout in ${options.part}`, 'it merges at random');
  const unknown = options.optionalText('unk_token');
  const prefix = options.optionalText('continuing_subword_prefix') ?? '';
  const suffix = options.optionalText('end_of_word_suffix') ?? '';
  const fuses = (options.raw('fuse_unk') ?? false) && options.bool('fuse_unk');
  const byBytes = (options.raw('byte_fallback') ?? false) && options.bool('byte_fallback');
  const whole = (options.raw('ignore_merges') ?? false) && options.bool('ignore_merges');
  const merges = readMerges(options, vocab, prefix);
  const unknownId = unknown === null ? null : (vocab.get(unknown) ?? null);

  /** The ids of the characters of a word, before any merge. */
  const characters = (word: string): number[] => {
    const ids: number[] = [];
    // An unknown character is written when the next one is, so that several can become one.
    let pending = false;
    const chars = [...word];
    for (const [k, char] of chars.entries()) {
      const text = (k > 0 ? prefix : '') + char + (k === chars.length - 1 ? suffix : '');
      const id = vocab.get(text);
      if (id !== undefined) {
        if (pending) ids.push(unknownId!);
        pending = false;
        ids.push(id);
        continue;
      }
      if (byBytes) {
        const bytes = byteTokens(text).map((token) => vocab.get(token));
        if (bytes.every((byte) => byte !== undefined)) {
          ids.push(...bytes);
          continue;
        }
      }
      if (unknown === null) continue;
      if (unknownId === null)
        throw malformed(options.part, `has no ${JSON.stringify(unknown)} in its vocab`);
      if (pending && !fuses) ids.push(unknownId);
      pending = true;
    }
    if (pending) ids.push(unknownId!);
    return ids;
  };

  const cache = new Map<string, readonly number[]>();
  return {
    size: vocab.size,
    idOf: (token) => vocab.get(token),
    tokens: tokensById(vocab),
    unknownId,
    encode(word) {
      const known = cache.get(word);
      if (known) return known;
      const id = whole ? vocab.get(word) : undefined;
      const ids = id === undefined ? mergeAll(characters(word), merges) : [id];
      if (word.length < CACHED_CHARS && cache.size < CACHED_WORDS) cache.set(word, ids);
      return ids;
    },
  };
}

function readMerges(options: Options, vocab: ReadonlyMap<string, number>, prefix: string): Merges {
  const merges: Merges = { ranks: new Map(), made: [] };
  const idOf = (token: string): number => {
    const id = vocab.get(token);
    if (id === undefined)
      throw malformed(
        options.part,
        `merges to or from ${JSON.stringify(token)}, which is not in its vocab`,
      );
    return id;
  };
  for (const merge of options.list('merges')) {
    if (typeof merge === 'string' && merge.startsWith('#version')) continue;
    const pair = typeof merge === 'string' ? merge.split(' ') : merge;
    if (!Array.isArray(pair) || pair.length !== 2 || pair.some((t) => typeof t !== 'string'))
      throw malformed(options.part, `has a merge ${merges.made.length + 1} that is no pair`);
    const [left, right] = pair as [string, string];
    merges.ranks.set(idOf(left) * MAX_ID + idOf(right), merges.made.length);
    merges.made.push(idOf(left + right.slice(prefix.length)));
  }
  return merges;
}

/** Applies merges to symbols, lowest rank first, of equal ones the leftmost. */
function mergeAll(symbols: number[], { ranks, made }: Merges): number[] {
  const n = symbols.length;
  if (n < 2) return symbols;
  const ids = [...symbols];
  const next = Int32Array.from({ length: n }, (_, k) => (k + 1 < n ? k + 1 : -1));
  const last = Int32Array.from({ length: n }, (_, k) => k - 1);
  const rankAt = (place: number): number | undefined => {
    const right = next[place]!;
    return right < 0 ? undefined : ranks.get(ids[place]! * MAX_ID + ids[right]!);
  };
  const queue = new Queue();
  const offer = (place: number): void => {
    const rank = rankAt(place);
    if (rank !== undefined) queue.push(rank * MAX_PLACES + place);
  };
  for (let k = 0; k + 1 < n; k++) offer(k);
  for (let entry = queue.pop(); entry !== undefined; entry = queue.pop()) {
    const place = entry % MAX_PLACES;
    const id = made[Math.floor(entry / MAX_PLACES)]!;
    if (ids[place]! < 0) continue;
    const now = rankAt(place);
    // The pair may have gone since; another one that makes the same token will do.
    if (now === undefined || made[now] !== id) continue;
    const right = next[place]!;
    ids[place] = id;
    ids[right] = -1;
    const after = next[right]!;
    next[place] = after;
    if (after >= 0) last[after] = place;
    if (last[place]! >= 0) offer(last[place]!);
    offer(place);
  }
  return ids.filter((id) => id >= 0);
}

/** Numbers, least first. */
class Queue {
  private readonly heap: number[] = [];

  push(value: number): void {
    const { heap } = this;
    let at = heap.push(value) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (heap[parent]! <= value) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = value;
  }

  pop(): number | undefined {
    const { heap } = this;
    const least = heap[0];
    const value = heap.pop();
    if (heap.length === 0 || value === undefined) return least;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]! < heap[child]!) child++;
      if (heap[child]! >= value) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = value;
    return least;
  }
}
