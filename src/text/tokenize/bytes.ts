// The printable character that stands for each byte in byte-level vocabularies.

const BYTE_CHARS: readonly string[] = byteChars();
const CHAR_BYTES: ReadonlyMap<string, number> = new Map(BYTE_CHARS.map((c, byte) => [c, byte]));
const encoder = new TextEncoder();

/** Printable bytes of Latin-1 stand for themselves, the others for U+0100 and up, in order. */
function byteChars(): string[] {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte !== 0xad);
    return String.fromCharCode(printable ? byte : next++);
  });
}

/** The UTF-8 bytes of a text, each as the character that stands for it. */
export function bytesAsText(text: string): string {
  let out = '';
  for (const byte of encoder.encode(text)) out += BYTE_CHARS[byte]!;
  return out;
}

/** The bytes that a token stands for, or null when a character of it stands for none. */
export function textAsBytes(token: string): number[] | null {
  const bytes: number[] = [];
  for (const char of token) {
    const byte = CHAR_BYTES.get(char);
    if (byte === undefined) return null;
    bytes.push(byte);
  }
  return bytes;
}

/** The names under which a vocabulary may have the bytes of a text, such as `<0x0A>`. */
export function byteTokens(text: string): string[] {
  return [...encoder.encode(text)].map(
    (byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
  );
}
