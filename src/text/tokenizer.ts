// The tokenizer of a model, made from its tokenizer.json.

import { EspalierError } from '../errors.ts';
import { brief, brokenTokenizer, parseObject, tokenText } from './config.ts';
import { requireSafePatterns } from './patterns.ts';
import { readPipeline } from './tokenize/pipeline.ts';

/**
 * Most bytes of tokenizer.json. The largest known, with 262,144 tokens and their merges, has 33 MB;
 * parsed it takes about ten times its length.
 */
export const MAX_TOKENIZER_BYTES = 128 * 2 ** 20;

export interface Tokenizer {
  /** Token ids of a text, without special tokens. */
  encode(text: string): number[];
  /**
   * Token ids of a prompt: the ids of `encode`, after the tokens that the tokenizer puts first, a
   * beginning-of-sequence token as a rule. Empty for a text without tokens.
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
  /** The end-of-sequence token that tokenizer_config.json names, or null. */
  readonly eosId: number | null;
  /** The id of what the vocabulary does not have, or null when there is none. */
  readonly unknownId: number | null;
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
    const right = text.slice(cut, cut + CONTEXT_CHARS);
    // Two lengths, so that words of a fixed length do not end at the split by chance.
    for (const context of [CONTEXT_CHARS, CONTEXT_CHARS - 1]) {
      const left = text.slice(Math.max(start, cut - context), cut);
      const joint = encode(left + right);
      const separate = [...encode(left), ...encode(right)];
      if (joint.length !== separate.length || joint.some((id, i) => id !== separate[i]))
        return [text];
    }
    parts.push(text.slice(start, cut));
    start = cut;
  }
  parts.push(text.slice(start));
  return parts;
}

/** Turns other errors into coded ones; `what` completes "cannot be used to". */
function attempt<T>(what: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof EspalierError) throw error;
    throw brokenTokenizer(
      `tokenizer.json cannot be used to ${what}: ` +
        `${brief(error instanceof Error ? error.message : String(error))}.`,
      String(error),
    );
  }
}

function unsupportedConfig(option: string): EspalierError {
  return new EspalierError(
    'tokenizer',
    `tokenizer_config.json asks for ${option}, which is not supported here.`,
    "Give windows of token ids instead of a text, made with the model's own tokenizer.",
  );
}

/**
 * The spaces that Transformers takes out of a decoded text where the config asks for it.
 * @source Hugging Face Transformers, clean_up_tokenization
 */
function withoutSpaces(text: string): string {
  return text
    .replaceAll(/ ([.?!,])/g, '$1')
    .replaceAll(" ' ", "'")
    .replaceAll(/ (n't|'m|'s|'ve|'re)/g, '$1');
}

/**
 * Makes a tokenizer from the texts of tokenizer.json and, where there is one,
 * tokenizer_config.json.
 * @param problems of the model, which say why there is no tokenizer.json beside a GGUF file
 * @throws EspalierError `tokenizer` when tokenizer.json is missing (null), is not JSON, or uses
 *   what is not supported here, which the message names.
 */
export function loadTokenizer(
  tokenizerJson: string | null,
  configJson: string | null,
  problems: readonly { code: string; message: string }[] = [],
): Tokenizer {
  if (tokenizerJson === null) {
    const known = problems.find(({ code }) => code === 'gguf-tokenizer');
    if (known)
      throw new EspalierError(
        'tokenizer',
        known.message,
        'Or give windows of token ids instead of a text.',
      );
    throw brokenTokenizer(
      'The folder has no tokenizer.json, so a text cannot be turned into token ids.',
      '',
    );
  }
  const json = parseObject('tokenizer.json', tokenizerJson, MAX_TOKENIZER_BYTES);
  const config = configJson === null ? {} : parseObject('tokenizer_config.json', configJson);
  for (const part of ['normalizer', 'pre_tokenizer', 'post_processor', 'decoder'])
    requireSafePatterns(json[part]);
  if (config.do_lowercase_and_remove_accent === true)
    throw unsupportedConfig('do_lowercase_and_remove_accent');
  const pipeline = attempt('read its parts', () => readPipeline(json));
  const encode = (text: string): number[] => attempt('encode a text', () => pipeline.encode(text));

  const { leading, unknownId } = pipeline;
  const named = tokenText(config.bos_token);
  const bosId = leading[0] ?? (named === null ? undefined : pipeline.idOf(named)) ?? null;
  const addsBos =
    config.add_bos_token === false
      ? false
      : leading.length > 0 || (config.add_bos_token === true && bosId !== null);
  const bos = bosId === null ? [] : [bosId];
  const prefix = leading.length > 0 ? leading : bos;
  const end = tokenText(config.eos_token);
  const eosId = end === null ? null : (pipeline.idOf(end) ?? null);
  const cleansUp = config.clean_up_tokenization_spaces === true;

  return {
    encode,
    encodePrompt(text) {
      const plainIds = encode(text);
      return addsBos && plainIds.length > 0 ? [...prefix, ...plainIds] : plainIds;
    },
    async encodeLong(text, between) {
      // Without a pre_tokenizer the text is a single word, which cannot be split.
      const parts = pipeline.hasWords ? splitExactly(text, encode) : [text];
      const out: number[] = [];
      let done = 0;
      for (const part of parts) {
        await between(done, text.length);
        for (const id of encode(part)) out.push(id);
        done += part.length;
      }
      return out;
    },
    decode(tokens) {
      if (tokens.length === 0) return '';
      const text = attempt('decode ids', () => pipeline.decode(tokens));
      return cleansUp ? withoutSpaces(text) : text;
    },
    addsBos,
    bosId,
    eosId,
    unknownId,
  };
}
