// Reads the header of a GGUF file from its start, and never a byte beyond it: every read takes only
// what is known to be still to come, so that a few dozen reads are enough for any header.

import { EspalierError } from '../../errors.ts';
import type { ByteSource } from '../../onnx/source.ts';

/**
 * Bytes of a header. The largest vocabularies (260,000 tokens with as many merges and scores) take
 * 16 MB.
 */
const MAX_HEADER_BYTES = 128 * 2 ** 20;
/** Bytes of one string. Chat templates have 20 KB. */
export const MAX_STRING_BYTES = 8 * 2 ** 20;
/** Most bytes of one read. */
const MAX_READ_BYTES = 4 * 2 ** 20;

export class HeaderReader {
  private readonly path: string;
  private readonly source: ByteSource;
  /** A mark of the byte order at the start of a token belongs to it. */
  private readonly decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  private bytes = new Uint8Array(0);
  private view = new DataView(this.bytes.buffer);
  /** Where `bytes` begins in the file. */
  private start = 0;
  private at = 0;

  constructor(path: string, source: ByteSource) {
    this.path = path;
    this.source = source;
  }

  /** Place in the file. */
  get position(): number {
    return this.start + this.at;
  }

  /** Bytes that can be taken without reading. */
  get ready(): number {
    return this.bytes.length - this.at;
  }

  /** Bytes of the file after this place. */
  get left(): number {
    return this.source.size - this.position;
  }

  /**
   * Makes `length` bytes ready.
   * @param later bytes of the header that come after them for certain: read along.
   * @throws EspalierError `corrupt-file` where the file or the bound of headers ends before
   */
  async need(length: number, later = 0): Promise<void> {
    if (this.ready >= length) return;
    const end = this.position + length + later;
    if (end > this.source.size)
      throw this.damaged(
        `ends within its header: ${end} bytes are needed, it has ${this.source.size}`,
      );
    if (end > MAX_HEADER_BYTES)
      throw this.damaged(`has a header of more than ${MAX_HEADER_BYTES} bytes`);
    const kept = this.bytes.subarray(this.at);
    const from = this.position + kept.length;
    const read = Math.max(length - kept.length, Math.min(end - from, MAX_READ_BYTES));
    const more = await this.source.read(from, read);
    const bytes = new Uint8Array(kept.length + more.length);
    bytes.set(kept);
    bytes.set(more, kept.length);
    this.start = this.position;
    this.at = 0;
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer);
  }

  /** The bytes that are ready, which stay so. */
  get ahead(): Uint8Array {
    return this.bytes.subarray(this.at);
  }

  /** An unsigned integer of 8 bytes, exactly. */
  big(): bigint {
    this.at += 8;
    return this.view.getBigUint64(this.at - 8, true);
  }

  bigSigned(): bigint {
    return BigInt.asIntN(64, this.big());
  }

  uint32(): number {
    this.at += 4;
    return this.view.getUint32(this.at - 4, true);
  }

  /** A number of 1, 2, 4 or 8 bytes, read by the view. */
  number(bytes: number, get: (view: DataView, at: number) => number): number {
    this.at += bytes;
    return get(this.view, this.at - bytes);
  }

  /** Ready bytes as text; those that are no UTF-8 become U+FFFD. */
  text(length: number): string {
    this.at += length;
    return this.decoder.decode(this.bytes.subarray(this.at - length, this.at));
  }

  /**
   * A length or a count of 8 bytes, which are ready.
   * @param most beyond it the file is refused
   * @param each bytes that every one of them takes at least
   */
  count(what: string, most: number, each: number): number {
    const value = this.big();
    if (value > BigInt(most))
      throw this.damaged(`has ${what}: ${value}, but at most ${most} are read`);
    const count = Number(value);
    if (count * each > this.left)
      throw this.damaged(`has ${what}: ${count}, which its ${this.source.size} bytes cannot hold`);
    return count;
  }

  /** A string with its length before it. @param later as of `need` */
  async string(what: string, later = 0, most = MAX_STRING_BYTES): Promise<string> {
    await this.need(8, later);
    const length = this.count(`the length of ${what}`, most, 1);
    await this.need(length, later);
    return this.text(length);
  }

  /** @param what ends the sentence that begins with the path */
  damaged(what: string): EspalierError {
    return new EspalierError(
      'corrupt-file',
      `${this.path} ${what}.`,
      'It is damaged or not complete: download or convert it again.',
    );
  }

  /** As `damaged`, for what is right but cannot be read. */
  unsupported(what: string, hint: string): EspalierError {
    return new EspalierError('unsupported-graph', `${this.path} ${what}.`, hint);
  }
}
