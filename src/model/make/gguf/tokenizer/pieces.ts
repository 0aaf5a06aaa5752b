// Merges for vocabularies of SentencePiece, which have scores instead.

/** Most characters of a piece: its pairs take time by the square. Real ones have up to 32. */
export const MAX_PIECE_CHARS = 1024;

/** Types of tokens, as SentencePiece and GGUF number them. */
export const TOKEN_TYPES = {
  normal: 1,
  unknown: 2,
  control: 3,
  userDefined: 4,
  unused: 5,
  byte: 6,
} as const;

export interface Vocabulary {
  tokens: readonly string[];
  /** By token; all normal where the file has none. */
  types: readonly number[];
  /** By token; empty where the file has none. */
  scores: readonly number[];
}

/**
 * The pairs of tokens that make a token, the highest score first: merged in this order, a text
 * becomes the tokens that SentencePiece makes of it. Of equal scores the pairs stand in the
 * order of Transformers' converter: longer first parts first.
 * @source Hugging Face Transformers, convert_slow_tokenizer.py, generate_merges
 */
export function mergesOf({ tokens, types, scores }: Vocabulary): [string, string][] {
  const ids = new Map<string, number>();
  for (const [id, token] of tokens.entries()) if (isPiece(types[id]!)) ids.set(token, id);
  const scoreOf = (id: number): number => scores[id] ?? 0;
  const ranked = [...ids.values()].sort((a, b) => scoreOf(b) - scoreOf(a));
  const merges: [string, string][] = [];
  for (let k = 0; k < ranked.length; ) {
    const score = scoreOf(ranked[k]!);
    const equal: Split[] = [];
    do equal.push(...splits(tokens[ranked[k]!]!, ids));
    while (++k < ranked.length && scoreOf(ranked[k]!) === score);
    equal.sort((a, b) => b.left - a.left || b.right - a.right);
    for (const { parts } of equal) merges.push(parts);
  }
  return merges;
}

/** Two tokens that make one, and how many characters they have. */
interface Split {
  parts: [string, string];
  left: number;
  right: number;
}

function splits(token: string, ids: ReadonlyMap<string, number>): Split[] {
  const found: Split[] = [];
  const chars = [...token];
  for (let k = 1, at = 0; k < chars.length; k++) {
    at += chars[k - 1]!.length;
    const left = token.slice(0, at);
    if (!ids.has(left)) continue;
    const right = token.slice(at);
    if (ids.has(right)) found.push({ parts: [left, right], left: k, right: chars.length - k });
  }
  return found;
}

/** What a text can be made of: tokens that stand for something else are no parts. */
function isPiece(type: number): boolean {
  return type === TOKEN_TYPES.normal || type === TOKEN_TYPES.unused;
}
