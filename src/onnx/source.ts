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
