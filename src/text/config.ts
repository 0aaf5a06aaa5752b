// Reads the JSON files of a tokenizer, within bounds.

import { EspalierError } from '../errors.ts';
import { readJsonObject } from '../json.ts';

/** Most bytes of tokenizer_config.json; real ones stay below 3 MB (an entry per added token). */
export const MAX_TOKENIZER_CONFIG_BYTES = 16 * 2 ** 20;

export type Json = Readonly<Record<string, unknown>>;

/** Text from a file or a library as messages quote it: at most 300 characters. */
export function brief(text: string): string {
  return text.length <= 300 ? text : `${text.slice(0, 300)}…`;
}

export function brokenTokenizer(message: string, detail: string): EspalierError {
  return new EspalierError(
    'tokenizer',
    message,
    'Put the tokenizer.json that came with the model beside it, or give windows of token ids ' +
      'instead of a text.',
    detail,
  );
}

/**
 * Parses the JSON object in the text of the file `name`.
 * @throws EspalierError `tokenizer` when it is not a JSON object, or longer than `max` characters.
 */
export function parseObject(name: string, text: string, max = MAX_TOKENIZER_CONFIG_BYTES): Json {
  const read = readJsonObject(text, { max });
  if (!read.ok) throw brokenTokenizer(`${name} ${read.problem}.`, read.detail);
  return read.value;
}

/** The text of a token in a config, such as `bos_token`: a string or an object with `content`. */
export function tokenText(value: unknown): string | null {
  if (typeof value === 'string') return value;
  const content = (value as { content?: unknown } | null | undefined)?.content;
  return typeof content === 'string' ? content : null;
}
