// The vocabulary of a tokenizer's model.

import { malformed, type Options } from './options.ts';

/** Ids stay below this, so that a pair of them is one exact number. */
export const MAX_ID = 2 ** 26;

export interface TokenModel {
  /** Token ids of a word that is not empty. */
  encode(word: string): readonly number[];
  /** Number of tokens, without added ones. */
  readonly size: number;
  idOf(token: string): number | undefined;
  /** Token by id. */
  readonly tokens: ReadonlyMap<number, string>;
  /** The id of what is not in the vocabulary, or null when there is none. */
  readonly unknownId: number | null;
}

/** The option `vocab` of all models but Unigram: an object from token to id. */
export function readVocab(options: Options): Map<string, number> {
  const value = options.raw('vocab');
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw malformed(options.part, 'has no vocab');
  const vocab = new Map<string, number>();
  for (const [token, id] of Object.entries(value)) {
    if (!Number.isSafeInteger(id) || (id as number) < 0 || (id as number) >= MAX_ID)
      throw malformed(
        options.part,
        `has ${JSON.stringify(token)} in its vocab without a token id below ${MAX_ID}`,
      );
    vocab.set(token, id as number);
  }
  return vocab;
}

export function tokensById(vocab: ReadonlyMap<string, number>): Map<number, string> {
  const tokens = new Map<number, string>();
  for (const [token, id] of vocab) tokens.set(id, token);
  return tokens;
}
