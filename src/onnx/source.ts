// Random-access bytes and folders of them, as the pure rooms see the user's disk; must not know
// where the bytes come from.

import { type ErrorCode, EspalierError } from '../errors.ts';
import { tooLong } from '../json.ts';

/** A readable run of bytes: a File in the browser, a file descriptor in Node, a hosted file. */
export interface ByteSource {
  /** Total size in bytes. */
  readonly size: number;
  /**
   * Bytes [offset, offset + length). The array is the caller's to keep.
   * @throws EspalierError `corrupt-file` when the range leaves the file, `missing-file` when the
   *   file is gone.
   */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * Fills memory of the caller with the bytes at `offset`; absent where bytes come in arrays of
   * their own. Errors as `read`.
   */
  readInto?(offset: number, target: Uint8Array): Promise<void>;
  /**
   * The same bytes as a Blob that nothing was read of; absent where the source is no file of the
   * browser. Errors as `read`.
   */
  blob?(offset: number, length: number): Blob | null;
}

/** One file of a folder; `path` is relative to the folder, with forward slashes. */
export interface FolderFile {
  readonly path: string;
  readonly size: number;
}

/** A model folder: names and sizes at once, bytes on demand. */
export interface Folder {
  /** The folder's own name, for people. */
  readonly name: string;
  readonly files: readonly FolderFile[];
  /** The bytes of one file, or null when the folder has none of that path. */
  open(path: string): ByteSource | null;
}

/** Where a tensor's bytes lie: `file` is a path within the folder. */
export interface ByteRange {
  readonly file: string;
  readonly offset: number;
  readonly length: number;
}

/**
 * A computation over bytes as plain data: it crosses threads, and the transform of that name
 * (transforms.ts) carries it out wherever it is read.
 */
export interface Derivation {
  readonly transform: string;
  /** What the transform needs besides its sources; part of the result's identity. */
  readonly parameters: Readonly<Record<string, number | string | boolean>>;
  /** What it reads: ranges of files, bytes in memory, results of other computations. */
  readonly sources: readonly Bytes[];
  /** What it makes, for messages; no part of its identity. */
  readonly label: string;
}

/**
 * A stretch of the result of a computation. Several tensors may be stretches of one result (a
 * matrix in 4 bits, its scales, its zero points): it is then computed once for all of them.
 */
export interface DerivedRange {
  readonly from: Derivation;
  /** Within the result. */
  readonly offset: number;
  readonly length: number;
}

/** The bytes of a tensor or of a part of a file: in memory, in a file, or computed when read. */
export type Bytes = Uint8Array | ByteRange | DerivedRange;

/**
 * A file of the folder as UTF-8 text, or null when the folder has none of that path.
 * @param max most bytes; a longer file is refused before any of it is read
 * @throws EspalierError `code` for a longer file; as `ByteSource.read`
 */
export async function readText(
  folder: Folder,
  path: string,
  max: number,
  code: ErrorCode = 'too-large',
): Promise<string | null> {
  const source = folder.open(path);
  if (source && source.size > max)
    throw new EspalierError(code, `${path} ${tooLong(source.size, max)}.`, 'Get the file again.');
  return source ? new TextDecoder().decode(await source.read(0, source.size)) : null;
}
