// The JSON files around a tokenizer, checked before they are used; must not interpret more than
// their outer form.

import { EspalierError } from '../errors.ts';
import { MAX_CONFIG_BYTES, readJsonObject } from '../json.ts';

export type Json = Readonly<Record<string, unknown>>;

/** Words of a file or of a library within a message: at most 300 characters. */
export function brief(words: string): string {
  return words.length <= 300 ? words : `${words.slice(0, 300)}…`;
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
 * @throws EspalierError `tokenizer` when the text of the file `name` is no JSON object, or longer
 * than `max`
 */
export function parseObject(name: string, text: string, max = MAX_CONFIG_BYTES): Json {
  const read = readJsonObject(text, { max });
  if (!read.ok) throw brokenTokenizer(`${name} ${read.problem}.`, read.detail);
  return read.value;
}

/**
 * The text of a token in a config, such as `bos_token`: a string, or an object with the string in
 * `content`.
 */
export function tokenText(value: unknown): string | null {
  if (typeof value === 'string') return value;
  const content = (value as { content?: unknown } | null | undefined)?.content;
  return typeof content === 'string' ? content : null;
}
