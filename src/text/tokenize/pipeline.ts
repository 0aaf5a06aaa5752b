// A tokenizer.json at work: from text to token ids and back.

import type { Json } from '../config.ts';
import { readAddedTokens } from './addedTokens.ts';
import { readDecoder } from './decoders.ts';
import { readModel } from './models.ts';
import { readNormalizer } from './normalizers.ts';
import { leadingIds } from './postProcessor.ts';
import { readPreTokenizer } from './preTokenizers.ts';

export interface Pipeline {
  /** Token ids of a text, without special tokens. */
  encode(text: string): number[];
  /** The text of token ids without special tokens; ids that are no token are left out. */
  decode(ids: readonly number[]): string;
  /** The ids that the post-processor puts before a text. */
  readonly leading: readonly number[];
  /** The id of what the vocabulary does not have, or null when the model has none. */
  readonly unknownId: number | null;
  idOf(token: string): number | undefined;
  /** False when the whole text is one word. */
  readonly hasWords: boolean;
}

/**
 * Reads a tokenizer.json. Truncation and padding are left aside, as Transformers does unless it is
 * asked for them.
 * @throws EspalierError `tokenizer`, naming what is not supported
 * @source Hugging Face Tokenizers, Tokenizer.encode
 */
export function readPipeline(json: Json): Pipeline {
  const part = <T>(name: string, read: (value: unknown) => T): T | null =>
    json[name] === undefined || json[name] === null ? null : read(json[name]);
  const normalizer = part('normalizer', readNormalizer);
  const preTokenizer = part('pre_tokenizer', readPreTokenizer);
  const leading = part('post_processor', leadingIds) ?? [];
  const decoder = part('decoder', readDecoder);
  const model = readModel(json.model);
  const added = readAddedTokens(json.added_tokens, normalizer, model.idOf, model.size);

  return {
    leading,
    unknownId: model.unknownId,
    hasWords: preTokenizer !== null,
    idOf: (token) => added.ids.get(token) ?? model.idOf(token),
    encode(text) {
      const ids: number[] = [];
      // Half of a surrogate pair is no character.
      for (const part of added.extract(text.replace(/\p{Surrogate}/gu, '\ufffd'))) {
        if ('id' in part) ids.push(part.id);
        else
          for (const piece of preTokenizer ? preTokenizer(part) : [part])
            if (piece.text !== '') for (const id of model.encode(piece.text)) ids.push(id);
      }
      return ids;
    },
    decode(ids) {
      const tokens: string[] = [];
      for (const id of ids) {
        if (added.specialIds.has(id)) continue;
        const token = added.texts.get(id) ?? model.tokens.get(id);
        if (token !== undefined) tokens.push(token);
      }
      return decoder ? decoder(tokens).join('') : tokens.join(' ');
    },
  };
}
