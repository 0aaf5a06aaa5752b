// Unigram models: of all ways to write a word in tokens, the one of the highest score.

import { byteTokens } from './bytes.ts';
import { malformed, type Options, unsupported } from './options.ts';
import { MAX_ID, type TokenModel, tokensById } from './vocab.ts';

/** What an unknown character costs beyond the least likely token. */
const UNKNOWN_PENALTY = 10;
const CACHED_WORDS = 20_000;
const CACHED_CHARS = 256;

interface Node {
  next: Map<string, Node> | null;
  /** The token that ends here; -1 for none. */
  id: number;
}

/**
 * The options of a Unigram model.
 * @throws EspalierError `tokenizer`: sampling; a vocabulary that is no list of tokens and scores
 * @source Hugging Face Tokenizers, models/unigram; SentencePiece, unigram_model.cc
 */
export function readUnigram(options: Options): TokenModel {
  const { ids, scores, root, least } = readScores(options);
  const byBytes = (options.raw('byte_fallback') ?? false) && options.bool('byte_fallback');
  for (const name of ['alpha', 'nbest_size'])
    if (options.raw(name) !== undefined && options.raw(name) !== null)
      throw unsupported(`${name} in ${options.part}`, 'it samples at random');
  const given = options.raw('unk_id') ?? null;
  if (given !== null && !(Number.isSafeInteger(given) && scores[given as number] !== undefined))
    throw malformed(options.part, 'has an unk_id that is not in its vocab');
  const unknownId = given as number | null;
  const needUnknown = (): number => {
    if (unknownId === null) throw malformed(options.part, 'has no unk_id, which this text needs');
    return unknownId;
  };

  /** Where each best token ends, and its id, as the best path has them. */
  const bestPath = (chars: readonly string[]): { from: number; to: number; id: number }[] => {
    const n = chars.length;
    const score = new Float64Array(n + 1);
    const from = new Int32Array(n + 1).fill(-1);
    const id = new Int32Array(n + 1);
    const offer = (start: number, end: number, token: number, value: number): void => {
      const total = value + score[start]!;
      if (from[end] !== -1 && total <= score[end]!) return;
      score[end] = total;
      from[end] = start;
      id[end] = token;
    };
    for (let start = 0; start < n; start++) {
      let single = false;
      let node = root.next?.get(chars[start]!);
      for (let end = start + 1; node; end++) {
        if (node.id >= 0) {
          offer(start, end, node.id, scores[node.id]!);
          single ||= end === start + 1;
        }
        node = end < n ? node.next?.get(chars[end]!) : undefined;
      }
      if (!single) offer(start, start + 1, needUnknown(), least - UNKNOWN_PENALTY);
    }
    const path: { from: number; to: number; id: number }[] = [];
    for (let to = n; to > 0; to = from[to]!) path.push({ from: from[to]!, to, id: id[to]! });
    return path.reverse();
  };

  const encode = (word: string): number[] => {
    const chars = [...word];
    const out: number[] = [];
    let unknown = '';
    const writeUnknown = (): void => {
      if (unknown === '') return;
      const known = ids.get(unknown);
      const bytes = byBytes ? byteTokens(unknown).map((token) => ids.get(token)) : [undefined];
      if (known !== undefined) out.push(known);
      else if (bytes.every((byte) => byte !== undefined)) out.push(...bytes);
      else out.push(needUnknown());
      unknown = '';
    };
    for (const { from, to, id } of bestPath(chars)) {
      if (id === unknownId) {
        unknown += chars.slice(from, to).join('');
        continue;
      }
      writeUnknown();
      out.push(id);
    }
    writeUnknown();
    return out;
  };

  const cache = new Map<string, readonly number[]>();
  return {
    size: scores.length,
    idOf: (token) => ids.get(token),
    tokens: tokensById(ids),
    unknownId,
    encode(word) {
      const known = cache.get(word);
      if (known) return known;
      const found = encode(word);
      if (word.length < CACHED_CHARS && cache.size < CACHED_WORDS) cache.set(word, found);
      return found;
    },
  };
}

function readScores(options: Options): {
  ids: Map<string, number>;
  scores: number[];
  root: Node;
  least: number;
} {
  const ids = new Map<string, number>();
  const scores: number[] = [];
  const root: Node = { next: null, id: -1 };
  const entries = options.list('vocab');
  if (entries.length >= MAX_ID) throw malformed(options.part, 'has too many tokens');
  for (const [id, entry] of entries.entries()) {
    const [token, score] = Array.isArray(entry) ? (entry as unknown[]) : [];
    if (typeof token !== 'string' || typeof score !== 'number')
      throw malformed(options.part, `has an entry ${id} in its vocab that is no token and score`);
    scores.push(score);
    ids.set(token, id);
    let node = root;
    for (const char of token) {
      node.next ??= new Map();
      let child = node.next.get(char);
      if (!child) {
        child = { next: null, id: -1 };
        node.next.set(char, child);
      }
      node = child;
    }
    if (node !== root) node.id = id;
  }
  return { ids, scores, root, least: scores.reduce((a, b) => Math.min(a, b), Infinity) };
}
