// The tokenizer of a model, made from its tokenizer.json.

import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import { brief, brokenTokenizer, type Json, parseObject, tokenText } from './config.ts';
import { requireSafePatterns } from './patterns.ts';

/**
 * Most bytes of tokenizer.json. The largest known, with 262,144 tokens and their merges, has 33 MB;
 * parsed it takes about ten times its length.
 */
export const MAX_TOKENIZER_BYTES = 128 * 2 ** 20;

export interface Tokenizer {
  /** Token ids of a text, without special tokens. */
  encode(text: string): number[];
  /**
   * Token ids of a prompt: the ids of `encode`, after the beginning-of-sequence token when the
   * tokenizer adds one. Empty for a text without tokens.
   */
  encodePrompt(text: string): number[];
  /**
   * The same ids as `encode`, computed in parts of about 200,000 characters where the text can be
   * split without changing them.
   * @param between awaited before every part with the characters done and in all: the place to
   *   yield, to report progress, and to throw when cancelled.
   */
  encodeLong(
    text: string,
    between: (done: number, total: number) => Promise<void>,
  ): Promise<number[]>;
  /** The text of token ids without special tokens. */
  decode(ids: readonly number[]): string;
  /** True when the tokenizer adds a BOS token by itself; the default BOS policy is then `every`. */
  readonly addsBos: boolean;
  /** The beginning-of-sequence token, or null when the tokenizer has none. */
  readonly bosId: number | null;
}

const PART_CHARS = 200_000;
const CONTEXT_CHARS = 400;

/**
 * Splits a text into parts whose token ids, concatenated, are those of the entire text. Splits are
 * made between a single line feed and a letter, where the usual byte-level patterns start a new
 * word, and each is verified on the text around it. If one fails, the text is not split at all.
 */
function splitExactly(text: string, encode: (part: string) => number[]): string[] {
  const parts: string[] = [];
  let start = 0;
  const boundary = /\S\n(?=\p{L})/gu;
  while (text.length - start > PART_CHARS) {
    boundary.lastIndex = start + PART_CHARS;
    const found = boundary.exec(text);
    if (!found) break;
    const cut = found.index + found[0].length;
    const left = text.slice(Math.max(start, cut - CONTEXT_CHARS), cut);
    const right = text.slice(cut, cut + CONTEXT_CHARS);
    const joint = encode(left + right);
    const separate = [...encode(left), ...encode(right)];
    if (joint.length !== separate.length || joint.some((id, i) => id !== separate[i]))
      return [text];
    parts.push(text.slice(start, cut));
    start = cut;
  }
  parts.push(text.slice(start));
  return parts;
}

/** Turns what the library throws into a coded error; `what` completes "cannot be used to". */
function attempt<T>(what: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw brokenTokenizer(
      `tokenizer.json cannot be used to ${what}: ` +
        `${brief(error instanceof Error ? error.message : String(error))}.`,
      String(error),
    );
  }
}

/**
 * Makes a tokenizer from the texts of tokenizer.json and, where there is one,
 * tokenizer_config.json.
 * @throws EspalierError `tokenizer` when tokenizer.json is missing (null), is not JSON, or is of an
 *   unsupported kind.
 */
export function loadTokenizer(tokenizerJson: string | null, configJson: string | null): Tokenizer {
  if (tokenizerJson === null)
    throw brokenTokenizer(
      'The folder has no tokenizer.json, so a text cannot be turned into token ids.',
      '',
    );
  const json = parseObject('tokenizer.json', tokenizerJson, MAX_TOKENIZER_BYTES);
  const config = configJson === null ? {} : parseObject('tokenizer_config.json', configJson);
  for (const part of ['normalizer', 'pre_tokenizer', 'post_processor', 'decoder'])
    requireSafePatterns(json[part]);
  let inner: HuggingFaceTokenizer;
  try {
    inner = new HuggingFaceTokenizer(
      { normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null, ...json },
      config,
    );
  } catch (error) {
    throw brokenTokenizer(
      'tokenizer.json cannot be used: ' +
        `${brief(error instanceof Error ? error.message : String(error))}.`,
      String(error),
    );
  }

  const ids = (text: string, withSpecial: boolean): number[] => {
    if (text === '') return [];
    const out = attempt(
      'encode a text',
      () => inner.encode(text, { add_special_tokens: withSpecial }).ids,
    );
    const bad = out.findIndex((id) => !Number.isSafeInteger(id) || id < 0);
    if (bad >= 0)
      throw brokenTokenizer(
        `The tokenizer gives no id for token ${bad + 1} of the text.`,
        `model type ${JSON.stringify((json.model as Json | null | undefined)?.type)}`,
      );
    return out;
  };
  const encode = (text: string): number[] => ids(text, false);

  const plain = encode('a');
  const special = ids('a', true);
  // A token that the post-processor puts first; one that it only appends (an end token) is no BOS.
  const leading = special.length > plain.length && special[0] !== plain[0] ? special[0] : undefined;
  const named = tokenText(config.bos_token);
  const namedId =
    named === null ? undefined : attempt('look up a token', () => inner.token_to_id(named));
  const bosId = leading ?? namedId ?? null;
  const addsBos =
    config.add_bos_token === false
      ? false
      : leading !== undefined || (config.add_bos_token === true && bosId !== null);
  const hasWords = json.pre_tokenizer !== undefined && json.pre_tokenizer !== null;

  return {
    encode,
    encodePrompt(text) {
      const plainIds = encode(text);
      return addsBos && bosId !== null && plainIds.length > 0 ? [bosId, ...plainIds] : plainIds;
    },
    async encodeLong(text, between) {
      // Without a pre_tokenizer the text is a single word, which cannot be split.
      const parts = hasWords ? splitExactly(text, encode) : [text];
      const out: number[] = [];
      let done = 0;
      for (const part of parts) {
        await between(done, text.length);
        for (const id of encode(part)) out.push(id);
        done += part.length;
      }
      return out;
    },
    decode: (tokens) =>
      tokens.length === 0
        ? ''
        : attempt('decode ids', () =>
            String(inner.decode([...tokens], { skip_special_tokens: true })),
          ),
    addsBos,
    bosId,
  };
}
