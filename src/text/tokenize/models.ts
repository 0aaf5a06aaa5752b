// The models of tokenizers: what turns a word into token ids.

import { readBpe } from './bpe.ts';
import { malformed, Options, unsupported } from './options.ts';
import { readUnigram } from './unigram.ts';
import { readVocab, type TokenModel, tokensById } from './vocab.ts';

/**
 * The model of tokenizer.json.
 * @throws EspalierError `tokenizer`, naming what is not supported
 * @source Hugging Face Tokenizers, models
 */
export function readModel(value: unknown): TokenModel {
  const options = new Options(value, 'model', typeOf(value));
  const model = make(options);
  options.end();
  return model;
}

/** Old files name no type: it follows from the members, asked for in this order. */
function typeOf(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || 'type' in value) return undefined;
  if ('merges' in value) return 'BPE';
  if ('vocab' in value && Array.isArray(value.vocab)) return 'Unigram';
  return 'max_input_chars_per_word' in value ? 'WordPiece' : 'WordLevel';
}

function make(options: Options): TokenModel {
  switch (options.type) {
    case 'BPE':
      return readBpe(options);
    case 'Unigram':
      return readUnigram(options);
    case 'WordPiece':
      return readWordPiece(options);
    case 'WordLevel':
      return readWordLevel(options);
    default:
      throw unsupported(options.part, 'there is no such model here');
  }
}

function readWordLevel(options: Options): TokenModel {
  const vocab = readVocab(options);
  const unknown = options.text('unk_token');
  const unknownId = vocab.get(unknown) ?? null;
  return {
    ...common(vocab),
    unknownId,
    encode: (word) => [vocab.get(word) ?? unknownId ?? missing(options, unknown)],
  };
}

function readWordPiece(options: Options): TokenModel {
  const vocab = readVocab(options);
  const unknown = options.text('unk_token', '[UNK]');
  const prefix = options.text('continuing_subword_prefix', '##');
  const most = options.count('max_input_chars_per_word', 100);
  const unknownId = vocab.get(unknown) ?? null;
  let longest = 0;
  for (const token of vocab.keys()) longest = Math.max(longest, token.length);
  const bad = (): number[] => [unknownId ?? missing(options, unknown)];
  return {
    ...common(vocab),
    unknownId,
    encode(word) {
      const chars = [...word];
      if (chars.length > most) return bad();
      const ids: number[] = [];
      for (let from = 0; from < chars.length; ) {
        // No token is longer than the longest.
        let to = Math.min(chars.length, from + longest);
        let id: number | undefined;
        for (; to > from; to--) {
          id = vocab.get((from > 0 ? prefix : '') + chars.slice(from, to).join(''));
          if (id !== undefined) break;
        }
        if (id === undefined) return bad();
        ids.push(id);
        from = to;
      }
      return ids;
    },
  };
}

const common = (vocab: ReadonlyMap<string, number>) => ({
  size: vocab.size,
  idOf: (token: string) => vocab.get(token),
  tokens: tokensById(vocab),
});

function missing(options: Options, token: string): never {
  throw malformed(
    options.part,
    `has no token ${JSON.stringify(token)} in its vocabulary, which this text needs`,
  );
}
