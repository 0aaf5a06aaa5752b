// Random-access byte sources and folders of them: how the pure rooms see the user's disk.

import { type ErrorCode, EspalierError } from '../errors.ts';
import { tooLong } from '../json.ts';

/** Bytes that can be read by range: a File in the browser, a file in Node, a file on a web host. */
export interface ByteSource {
  /** Total size in bytes. */
  readonly size: number;
  /**
   * Bytes [offset, offset + length) in a new array.
   * @throws EspalierError `corrupt-file` when the range is outside the file, `missing-file` when
   *   the file cannot be read any more.
   */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * Reads `target.length` bytes at `offset` into memory of the caller; absent where the platform
   * always allocates. Throws as `read`.
   */
  readInto?(offset: number, target: Uint8Array): Promise<void>;
  /**
   * The range as a Blob, without reading it; absent, or null, where the bytes are not in a file of
   * the browser. Throws as `read`.
   */
  blob?(offset: number, length: number): Blob | null;
}

/** One file of a folder; `path` is relative to the folder, with forward slashes. */
export interface FolderFile {
  readonly path: string;
  readonly size: number;
}

/** A model folder: names and sizes are known, bytes are read on demand. */
export interface Folder {
  /** The name of the folder, for display. */
  readonly name: string;
  /** What messages call it where it is no folder of the disk: "the zip models.zip". */
  readonly what?: string;
  readonly files: readonly FolderFile[];
  /** The bytes of one file, or null when the folder has no file of that path. */
  open(path: string): ByteSource | null;
  /**
   * Where a file lies on the local disk, for a library that reads it itself; null for a link, and
   * absent where the files are not on a disk.
   */
  diskPath?(path: string): string | null;
  /**
   * The bytes of a file that is in no storage: it was made when the model was opened (the config of
   * a GGUF file), and another thread that has the folder does not have it. Null for other files,
   * absent where there are none.
   */
  made?(path: string): Uint8Array<ArrayBuffer> | null;
}

/** Where the bytes of a tensor are: `file` is a path within the folder. */
export interface ByteRange {
  readonly file: string;
  readonly offset: number;
  readonly length: number;
}

/**
 * A computation over bytes as plain data, which can be sent to a worker. The transform of that name
 * (transforms.ts) carries it out where the result is read.
 */
export interface Derivation {
  readonly transform: string;
  /** Parameters of the transform; part of the identity of the result. */
  readonly parameters: Readonly<Record<string, number | string | boolean>>;
  /** What it reads: ranges of files, bytes in memory, results of other computations. */
  readonly sources: readonly Bytes[];
  /** What it computes, for messages; not part of the identity. */
  readonly label: string;
}

/**
 * A range of the result of a derivation. Several tensors may be ranges of one result (a 4-bit
 * matrix, its scales, its zero points), which is then computed once for all of them.
 */
export interface DerivedRange {
  readonly from: Derivation;
  /** Within the result. */
  readonly offset: number;
  readonly length: number;
}

/** The bytes of a tensor or of a part of a file: in memory, in a file, or derived when read. */
export type Bytes = Uint8Array | ByteRange | DerivedRange;

/** True for a single file that was opened as if it were a folder. */
export function isLoneFile({ name, files }: Pick<Folder, 'name' | 'files'>): boolean {
  return files.length === 1 && files[0]?.path === name;
}

/** What messages call a folder: "the folder austen", "the zip models.zip". */
export function nameInWords({ name, what }: Pick<Folder, 'name' | 'what'>): string {
  return what ?? `the folder ${name}`;
}

/** A file that the folder had when it was opened. @throws EspalierError `missing-file` */
export function openFile(folder: Folder, path: string): ByteSource {
  const source = folder.open(path);
  if (source) return source;
  throw new EspalierError(
    'missing-file',
    `The file ${path} is not in ${nameInWords(folder)} any more.`,
    'Put it back and open the folder again.',
  );
}

/**
 * A file of the folder as UTF-8 text, or null when the folder has no file of that path.
 * @param max most bytes; a longer file is refused before any of it is read.
 * @throws EspalierError `code` for a longer file; otherwise as `ByteSource.read`.
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
