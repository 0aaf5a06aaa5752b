// The lines of a text file, read in parts: a file of any length takes little memory.

import { EspalierError } from '../../errors.ts';
import type { TaskFile } from './file.ts';

/** Most bytes of a line; the longest rows of known data sets have 100 KB. */
const MAX_LINE_BYTES = 16 * 2 ** 20;

/** Bytes that are read at once. */
const PART_BYTES = 2 ** 20;

const NEW_LINE = 0x0a;

/** A line without its end, by its number from 1. */
export interface Line {
  number: number;
  text: string;
}

/**
 * The lines of a file that have more than spaces, some at a time.
 * @throws EspalierError `bad-input` for bytes that are no UTF-8, naming the line, and for a line
 *   that is too long
 */
export async function* linesOf(file: TaskFile): AsyncGenerator<Line[]> {
  let rest = new Uint8Array(0);
  let number = 1;
  for (let from = 0; from < file.size; ) {
    const to = Math.min(file.size, from + PART_BYTES);
    const part = await file.read(from, to);
    from = to;
    const bytes = joined(rest, part);
    const end = from === file.size ? bytes.length : bytes.lastIndexOf(NEW_LINE) + 1;
    rest = bytes.slice(end);
    if (rest.length > MAX_LINE_BYTES)
      throw new EspalierError(
        'bad-input',
        `${file.path}, line ${number}: the line is longer than ${MAX_LINE_BYTES} bytes.`,
        'Choose a file with one row in each line.',
      );
    if (end === 0) continue;
    const texts = decoded(file.path, bytes.subarray(0, end), number).split('\n');
    if (number === 1) texts[0] = (texts[0] ?? '').replace(/^\ufeff/, '');
    // What is behind the last end of a line is no line, unless the file ends there.
    if (bytes[end - 1] === NEW_LINE) texts.pop();
    const first = number;
    number += texts.length;
    yield texts
      .map((text, k) => ({ number: first + k, text }))
      .filter(({ text }) => text.trim() !== '');
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(a.length + b.length);
  out.set(a);
  out.set(b, a.length);
  return out;
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decoded(path: string, bytes: Uint8Array, firstLine: number): string {
  try {
    return UTF8.decode(bytes);
  } catch (error) {
    let line = firstLine;
    for (let start = 0; start < bytes.length; line++) {
      const next = bytes.indexOf(NEW_LINE, start);
      const end = next < 0 ? bytes.length : next + 1;
      if (!isUtf8(bytes.subarray(start, end))) break;
      start = end;
    }
    throw new EspalierError(
      'bad-input',
      `${path}, line ${line}: the bytes are no text in UTF-8.`,
      'Save the file as UTF-8.',
      String(error),
    );
  }
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    UTF8.decode(bytes);
    return true;
  } catch {
    return false;
  }
}
