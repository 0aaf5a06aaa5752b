// A model's tokenizer from its tokenizer.json; must not know about windows, models or files.

import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import { MAX_TOKENIZER_BYTES } from '../json.ts';
import { brief, brokenTokenizer, type Json, parseObject, tokenText } from './config.ts';
import { requireTamePatterns } from './patterns.ts';

export interface Tokenizer {
  /** Token ids of a text, without special tokens. */
  encode(text: string): number[];
  /**
   * Token ids of a prompt as it stands: the ids of `encode`, after the beginning-of-sequence token
   * if the tokenizer puts one first by itself. Of a text without tokens, none.
   */
  encodePrompt(text: string): number[];
  /**
   * The same ids as `encode`, computed in pieces of about 200,000 characters where the text can be
   * cut without changing them.
   * @param between awaited before every piece with the characters done and in all: the place to
   *   yield, to report, and to throw when cancelled
   */
  encodeLong(
    text: string,
    between: (done: number, total: number) => Promise<void>,
  ): Promise<number[]>;
  /** Text of token ids; special tokens are left out. */
  decode(ids: readonly number[]): string;
  /**
   * True when the tokenizer puts a beginning-of-sequence token first by itself: the default BOS
   * policy is `every` then.
   */
  readonly addsBos: boolean;
  /** The beginning-of-sequence token, or null when the tokenizer has none. */
  readonly bosId: number | null;
}

const PIECE_CHARS = 200_000;
const CONTEXT_CHARS = 400;

/**
 * Cuts a text into pieces whose ids, joined, are the ids of the whole. A cut lies between a single
 * line feed and a letter, where the usual byte-level patterns start a new word; each cut is proven
 * on the text around it, and a tokenizer without words (no pre_tokenizer) is never cut.
 */
function exactPieces(text: string, encode: (part: string) => number[]): string[] {
  const pieces: string[] = [];
  let start = 0;
  const boundary = /\S\n(?=\p{L})/gu;
  while (text.length - start > PIECE_CHARS) {
    boundary.lastIndex = start + PIECE_CHARS;
    const found = boundary.exec(text);
    if (!found) break;
    const cut = found.index + found[0].length;
    // The ids around the cut must be the ids of its two sides; one that fails means that this
    // tokenizer is not to be cut at all.
    const left = text.slice(Math.max(start, cut - CONTEXT_CHARS), cut);
    const right = text.slice(cut, cut + CONTEXT_CHARS);
    const whole = encode(left + right);
    const parts = [...encode(left), ...encode(right)];
    if (whole.length !== parts.length || whole.some((id, i) => id !== parts[i])) return [text];
    pieces.push(text.slice(start, cut));
    start = cut;
  }
  pieces.push(text.slice(start));
  return pieces;
}

/** What the library throws of a tokenizer.json that fits no form, as a coded error. */
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
 * Makes a tokenizer of the text of tokenizer.json and, where the folder has one, of
 * tokenizer_config.json.
 * @throws EspalierError `tokenizer` when tokenizer.json is missing (null), is no JSON, or is of a
 *   kind that is not supported
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
    requireTamePatterns(json[part]);
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
        `The tokenizer gives no id for the ${bad + 1}. token of the text.`,
        `model type ${JSON.stringify((json.model as Json | null | undefined)?.type)}`,
      );
    return out;
  };
  const encode = (text: string): number[] => ids(text, false);

  const plain = encode('a');
  const special = ids('a', true);
  // A token that the post-processor puts in front; one that it only appends (an end token) is none.
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
      const own = encode(text);
      return addsBos && bosId !== null && own.length > 0 ? [bosId, ...own] : own;
    },
    async encodeLong(text, between) {
      const pieces = hasWords ? exactPieces(text, encode) : [text];
      const out: number[] = [];
      let done = 0;
      for (const piece of pieces) {
        await between(done, text.length);
        for (const id of encode(piece)) out.push(id);
        done += piece.length;
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
