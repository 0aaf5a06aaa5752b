// Reads a ByteSource from front to back with a small read-ahead buffer; what the caller jumps over
// is not read.

import { EspalierError } from '../errors.ts';
import type { ByteSource } from './source.ts';

/**
 * Bytes read ahead at the start of a file and after a jump. The next payload is close after a jump,
 * so that reading far ahead would read weights.
 */
const FIRST_READ = 16 * 1024;
const READ_AFTER_JUMP = 2 * 1024;
/** Most bytes read ahead; each sequential read doubles the amount up to here. */
const MAX_READ = 1024 * 1024;
/** Longest protobuf field header: two varints of ten bytes. */
const HEADER_BYTES = 20;

/** Reads varints and byte ranges; waits for the source only when its buffer is used up. */
export class ForwardReader {
  /** Offset of the next byte in the file. */
  position = 0;
  #buffer: Uint8Array = new Uint8Array(0);
  #start = 0;
  #ahead = FIRST_READ;
  readonly #source: ByteSource;
  readonly #name: string;

  /** @param name path of the file, for error messages. */
  constructor(source: ByteSource, name: string) {
    this.#source = source;
    this.#name = name;
  }

  get size(): number {
    return this.#source.size;
  }

  get #end(): number {
    return this.#start + this.#buffer.length;
  }

  /** Makes the next field header available: a promise when bytes must be read for it, else null. */
  header(): Promise<void> | null {
    const wanted = Math.min(HEADER_BYTES, this.size - this.position);
    return this.#has(wanted) ? null : this.#fill(wanted);
  }

  /**
   * Reads the varint at `position` as a number. Call `header()` before.
   * @throws EspalierError `corrupt-file` when it is cut off or longer than ten bytes.
   */
  varint(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 10; i++) {
      const byte = this.#buffer[this.position - this.#start];
      if (byte === undefined) throw truncated(this.#name, this.position, this.size);
      this.position++;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    throw new EspalierError(
      'corrupt-file',
      `${this.#name} is damaged: the number at byte ${this.position - 10} does not end.`,
      'Download or export the file again.',
    );
  }

  /**
   * A copy of bytes [from, from + length); `position` is then after them.
   * @throws EspalierError `corrupt-file` when the file is too short.
   */
  async take(from: number, length: number): Promise<Uint8Array> {
    if (from + length > this.size) throw truncated(this.#name, from, this.size);
    this.position = from;
    if (!this.#has(length)) await this.#fill(length);
    this.position = from + length;
    return this.#buffer.slice(from - this.#start, from - this.#start + length);
  }

  #has(length: number): boolean {
    return this.position >= this.#start && this.position + length <= this.#end;
  }

  async #fill(length: number): Promise<void> {
    const sequential = this.position >= this.#start && this.position <= this.#end;
    if (!sequential) {
      this.#ahead = READ_AFTER_JUMP;
      this.#buffer = new Uint8Array(0);
      this.#start = this.position;
    }
    const kept = this.#buffer.subarray(this.position - this.#start);
    const from = this.position + kept.length;
    const more = Math.min(Math.max(length - kept.length, this.#ahead), this.size - from);
    this.#ahead = Math.min(this.#ahead * 2, MAX_READ);
    const read = await this.#source.read(from, more);
    const joined = new Uint8Array(kept.length + read.length);
    joined.set(kept);
    joined.set(read, kept.length);
    this.#start = this.position;
    this.#buffer = joined;
  }
}

/** The error of a file that ends before the lengths in it say. */
export function truncated(name: string, offset: number, size: number): EspalierError {
  return new EspalierError(
    'corrupt-file',
    `${name} is cut off: what begins at byte ${offset} runs past the end of the file ` +
      `(${size} bytes).`,
    'Download or export the file again; a download may have stopped early.',
  );
}
