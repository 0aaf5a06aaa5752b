// A forward reader over a ByteSource with a small read-ahead window; must not read payloads that
// its user jumps over.

import { EspalierError } from '../errors.ts';
import type { ByteSource } from './source.ts';

/**
 * First window of a file, and the window after a jump, in bytes. A jump lands beside a payload:
 * reading far ahead would read weights.
 */
const FIRST_WINDOW = 16 * 1024;
const JUMP_WINDOW = 2 * 1024;
/** Largest window of a long sequential stretch, in bytes. */
const MAX_WINDOW = 1024 * 1024;
/** Longest protobuf field header: two varints of ten bytes. */
const HEADER_BYTES = 20;

/** Reads varints and byte runs; awaits only when the window is used up. */
export class ForwardReader {
  /** Offset of the next byte in the file. */
  position = 0;
  #buffer: Uint8Array = new Uint8Array(0);
  #start = 0;
  #window = FIRST_WINDOW;
  readonly #source: ByteSource;
  readonly #name: string;

  /** `name` is the file's path, for error messages. */
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

  /** A promise when bytes must be read before a field header can be parsed, else null. */
  header(): Promise<void> | null {
    const wanted = Math.min(HEADER_BYTES, this.size - this.position);
    return this.#has(wanted) ? null : this.#fill(wanted);
  }

  /**
   * The varint at `position`, as a number; call after `header()`. @throws EspalierError
   * `corrupt-file`
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
      `${this.#name} is damaged: a number at byte ${this.position - 10} does not end.`,
      'Download or export the file again.',
    );
  }

  /**
   * A copy of `length` bytes from `from`, leaving `position` behind them. @throws EspalierError
   * `corrupt-file` when the file is too short
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
      this.#window = JUMP_WINDOW;
      this.#buffer = new Uint8Array(0);
      this.#start = this.position;
    }
    const kept = this.#buffer.subarray(this.position - this.#start);
    const from = this.position + kept.length;
    const more = Math.min(Math.max(length - kept.length, this.#window), this.size - from);
    this.#window = Math.min(this.#window * 2, MAX_WINDOW);
    const read = await this.#source.read(from, more);
    const joined = new Uint8Array(kept.length + read.length);
    joined.set(kept);
    joined.set(read, kept.length);
    this.#start = this.position;
    this.#buffer = joined;
  }
}

/** The file ends before what its own lengths announce. */
export function truncated(name: string, offset: number, size: number): EspalierError {
  return new EspalierError(
    'corrupt-file',
    `${name} is cut off: what begins at byte ${offset} runs past the end of the file ` +
      `(${size} bytes).`,
    'Download or export the file again; a download may have stopped early.',
  );
}
