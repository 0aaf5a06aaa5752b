// A file that a person gives, and what became of one that is not needed.

/** A file that is read by ranges of bytes. */
export interface TaskFile {
  /** Path or name; the names of its folders help to tell what it holds. */
  path: string;
  /** Bytes. */
  size: number;
  /** Bytes [from, to). */
  read(from: number, to: number): Promise<Uint8Array>;
}

/** A file without rows that are needed, with the reason as a sentence. */
export interface IgnoredFile {
  file: string;
  why: string;
}
