// The characters of a text file.

import { EspalierError } from './errors.ts';

/**
 * Reads UTF-8, or UTF-16 where a byte order mark says so; the mark is left out.
 * @param name of the file, for messages
 * @throws EspalierError `bad-input` for bytes that are no such text
 */
export function decodeText(name: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder(encodingOf(bytes), { fatal: true }).decode(bytes);
  } catch (error) {
    // Others, such as too long a text, say nothing of the encoding.
    if (!(error instanceof TypeError)) throw error;
    throw new EspalierError(
      'bad-input',
      `${name} is not a text in UTF-8.`,
      'Save it as UTF-8, or choose another file.',
      String(error),
    );
  }
}

function encodingOf([first, second]: Uint8Array): 'utf-8' | 'utf-16le' | 'utf-16be' {
  if (first === 0xff && second === 0xfe) return 'utf-16le';
  return first === 0xfe && second === 0xff ? 'utf-16be' : 'utf-8';
}
