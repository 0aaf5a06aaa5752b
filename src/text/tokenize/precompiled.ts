// The character map of SentencePiece models: a double-array trie from texts to replacements.

import { malformed, unsupported } from './options.ts';

/** Most characters of the map in base64; the largest known has 420,000. */
const MAX_MAP_CHARS = 16 * 2 ** 20;
/** Graphemes of fewer bytes are looked up whole. */
const GRAPHEME_BYTES = 6;

/** The mapped text, and what became of the beginning. */
type CharsMap = (text: string) => { text: string; first: 'same' | 'gone' | 'other' };

/**
 * The map in base64: the size of the trie in bytes (uint32, little-endian), the trie (uint32
 * units), then the replacements, each ended by a zero byte.
 * @throws EspalierError `tokenizer` when it is damaged, or graphemes cannot be told apart here
 * @source SentencePiece, normalizer.cc; Darts-clone, the double-array format
 */
export function readCharsMap(base64: string): CharsMap {
  const { units, blob } = decode(base64);
  if (typeof Intl.Segmenter !== 'function')
    throw unsupported(
      'the normalizer Precompiled',
      'this browser cannot split a text into graphemes',
    );
  const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });
  const encoder = new TextEncoder();
  const known = new Map<string, string | null>();
  const replacement = (part: string): string | null => {
    const cached = known.get(part);
    if (cached !== undefined) return cached;
    const at = shortestPrefix(units, encoder.encode(part));
    const found = at === null ? null : textAt(blob, at);
    if (known.size < 100_000) known.set(part, found);
    return found;
  };
  return (text) => {
    let out = '';
    let first: ReturnType<CharsMap>['first'] = 'same';
    const write = (part: string, old: string): void => {
      if (out === '' && part === '') first = 'gone';
      else if (out === '' && [...part].length !== [...old].length) first = 'other';
      out += part;
    };
    for (const { segment } of graphemes.segment(text)) {
      const whole = encoder.encode(segment).length < GRAPHEME_BYTES ? replacement(segment) : null;
      if (whole !== null) write(whole, segment);
      else for (const char of segment) write(replacement(char) ?? char, char);
    }
    return { text: out, first };
  };
}

function decode(base64: string): { units: Uint32Array; blob: Uint8Array } {
  const part = 'the normalizer Precompiled';
  if (base64.length > MAX_MAP_CHARS)
    throw malformed(part, `has a map of more than ${MAX_MAP_CHARS} characters`);
  const bytes = bytesOfBase64(base64);
  if (!bytes) throw malformed(part, 'has a map that is not base64');
  const view = new DataView(bytes.buffer);
  const size = bytes.length < 4 ? -1 : view.getUint32(0, true);
  if (size < 4 || size % 4 !== 0 || size + 4 > bytes.length)
    throw malformed(part, 'has a damaged map');
  const units = Uint32Array.from({ length: size / 4 }, (_, k) => view.getUint32(4 + 4 * k, true));
  return { units, blob: bytes.subarray(4 + size) };
}

/** The value of the shortest key that the bytes begin with, or null. */
function shortestPrefix(units: Uint32Array, key: Uint8Array): number | null {
  const offset = (unit: number): number => (unit >>> 10) << ((unit & 0x200) >>> 6);
  let node = offset(units[0] ?? 0);
  for (const byte of key) {
    if (byte === 0) return null;
    node ^= byte;
    const unit = units[node];
    // The label of a unit that is no leaf is its lowest byte; a leaf has the highest bit set.
    if (unit === undefined || (unit & 0x800000ff) !== byte) return null;
    node ^= offset(unit);
    if ((unit >>> 8) & 1) {
      const leaf = units[node];
      return leaf === undefined ? null : leaf & 0x7fffffff;
    }
  }
  return null;
}

function textAt(blob: Uint8Array, at: number): string | null {
  if (at >= blob.length) return null;
  const end = blob.indexOf(0, at);
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(
    blob.subarray(at, end < 0 ? blob.length : end),
  );
}

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** The bytes of a text in base64, or null when it is none. */
function bytesOfBase64(text: string): Uint8Array | null {
  const digits = text.replace(/={0,2}$/, '');
  const bytes = new Uint8Array(Math.floor((digits.length * 3) / 4));
  let bits = 0;
  let written = 0;
  for (let k = 0; k < digits.length; k++) {
    const digit = BASE64.indexOf(digits[k]!);
    if (digit < 0) return null;
    bits = ((bits << 6) | digit) & 0xffffff;
    if (k % 4 > 0) bytes[written++] = bits >> (6 - 2 * (k % 4));
  }
  return bytes;
}
