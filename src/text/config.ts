// The JSON files around a tokenizer, checked before they are used; must not interpret more than their outer form.

import { EspalierError } from '../errors.ts';

export type Json = Record<string, unknown>;

export function brokenTokenizer(message: string, detail: string): EspalierError {
  return new EspalierError(
    'tokenizer',
    message,
    'Put the tokenizer.json that came with the model beside it, or give windows of token ids instead of a text.',
    detail,
  );
}

/** @throws EspalierError `tokenizer` when the text of the file `name` is no JSON object */
export function parseObject(name: string, text: string): Json {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw brokenTokenizer(`${name} is not valid JSON.`, String(error));
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw brokenTokenizer(`${name} does not hold a JSON object.`, '');
  return value as Json;
}

/** The text of a token in a config, such as `bos_token`: a string, or an object with the string in `content`. */
export function tokenText(value: unknown): string | null {
  if (typeof value === 'string') return value;
  const content = (value as { content?: unknown } | null | undefined)?.content;
  return typeof content === 'string' ? content : null;
}
