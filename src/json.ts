// Reads JSON that nobody vouches for: length and nesting are bounded before anything is built from
// it; must not know what a document means.

/**
 * Objects and lists within each other. Real configs nest 8 deep and tokenizers 12; what clones or
 * writes a value calls itself once per level, so that thousands of levels would overflow its stack.
 */
export const MAX_JSON_DEPTH = 64;
/**
 * config.json, genai_config.json, tokenizer_config.json in bytes: real ones stay below 3 MB (one
 * entry per added token).
 */
export const MAX_CONFIG_BYTES = 16 * 2 ** 20;
/** espalier.json in bytes: a curve over 500 blocks and 1,000 windows takes 12 MB. */
export const MAX_PROVENANCE_BYTES = 64 * 2 ** 20;
/**
 * tokenizer.json in bytes: the largest known, with 262,144 tokens and their merges, has 33 MB.
 * Parsed it takes about ten times its length.
 */
export const MAX_TOKENIZER_BYTES = 128 * 2 ** 20;

export type JsonObject = { readonly [key: string]: unknown };

/** The object, or what is wrong as the end of a sentence that begins with the file's name. */
export type JsonResult =
  | { ok: true; value: JsonObject }
  | { ok: false; problem: string; detail: string };

/**
 * The JSON object of a text.
 * @param options.max most characters
 * @param options.python read Infinity and -Infinity as such and NaN as null, as Python writes them
 */
export function readJsonObject(
  text: string,
  options: { max: number; python?: boolean },
): JsonResult {
  const problem = boundsProblem(text, options.max);
  if (problem !== null) return { ok: false, problem, detail: '' };
  let value: unknown;
  try {
    value = JSON.parse(options.python ? mapOutsideStrings(text, pythonNumbers) : text);
  } catch (error) {
    return { ok: false, problem: 'is not valid JSON', detail: String(error) };
  }
  return isJsonObject(value)
    ? { ok: true, value }
    : { ok: false, problem: 'holds no JSON object', detail: '' };
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Why a text is not even tried, or null. One pass over the characters. */
export function boundsProblem(text: string, max: number): string | null {
  if (text.length > max) return tooLong(text.length, max);
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case 0x22: // "
        at = stringEnd(text, at);
        break;
      case 0x5b: // [
      case 0x7b: // {
        if (++depth > MAX_JSON_DEPTH)
          return `nests lists and objects more than ${MAX_JSON_DEPTH} deep (at character ${at})`;
        break;
      case 0x5d: // ]
      case 0x7d: // }
        depth--;
        break;
    }
  }
  return null;
}

/** What is said of a file of `size` bytes or characters, of which at most `max` are read. */
export function tooLong(size: number, max: number): string {
  return `is ${size} bytes long, where at most ${max} are expected`;
}

/**
 * The text with every stretch between JSON strings replaced; strings stay as they are. Linear in
 * the length.
 */
export function mapOutsideStrings(text: string, replace: (stretch: string) => string): string {
  const parts: string[] = [];
  for (let at = 0; at < text.length; ) {
    const quote = text.indexOf('"', at);
    parts.push(replace(text.slice(at, quote < 0 ? text.length : quote)));
    if (quote < 0) break;
    at = stringEnd(text, quote) + 1;
    parts.push(text.slice(quote, at));
  }
  return parts.join('');
}

/**
 * Position of the quote that ends the string that begins at `quote`; the last character when none
 * does.
 */
function stringEnd(text: string, quote: number): number {
  for (let at = quote + 1; ; at++) {
    at = text.indexOf('"', at);
    if (at < 0) return text.length - 1;
    let slashes = 0;
    while (text.charCodeAt(at - 1 - slashes) === 0x5c) slashes++;
    if (slashes % 2 === 0) return at;
  }
}

function pythonNumbers(stretch: string): string {
  return stretch.replace(/-?\bInfinity\b|\bNaN\b/g, (token) =>
    token === 'NaN' ? 'null' : token.replace('Infinity', '1e999'),
  );
}
