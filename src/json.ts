// Reads JSON of unknown origin: length and nesting are bounded before anything is parsed.

/**
 * Most levels of nested objects and arrays. Real configs nest 8 deep and tokenizers 12. Code that
 * clones or writes a value recurses once per level, so that thousands would overflow its stack.
 */
export const MAX_JSON_DEPTH = 64;

export type JsonObject = { readonly [key: string]: unknown };

/** The object, or the problem as the end of a sentence that begins with the name of the file. */
export type JsonResult =
  | { ok: true; value: JsonObject }
  | { ok: false; problem: string; detail: string };

/**
 * Parses a JSON object.
 * @param options.max most characters of the text.
 * @param options.python accept Infinity and -Infinity, and NaN as null, which Python writes.
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
    : { ok: false, problem: 'is not a JSON object', detail: '' };
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Why a text is not parsed at all, or null; one pass over its characters. */
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
          return `nests arrays and objects more than ${MAX_JSON_DEPTH} deep (at character ${at})`;
        break;
      case 0x5d: // ]
      case 0x7d: // }
        depth--;
        break;
    }
  }
  return null;
}

/** The problem of a file that is longer than `max` bytes or characters. */
export function tooLong(size: number, max: number): string {
  return `is ${size} bytes long, but at most ${max} are allowed`;
}

/** Applies a function to every stretch of text between JSON strings. Linear in the length. */
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

/** Position of the closing quote of the string that begins at `quote`, or of the last character. */
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
