// The part of the browser's directory and file handles that an export needs, as types, so that
// tests can stand in for the disk.

export interface WritableTarget {
  write(data: Uint8Array<ArrayBuffer> | Blob): Promise<void>;
  /** Replaces the old content of the file by what was written. */
  close(): Promise<void>;
  /** Keeps the old content. */
  abort(reason?: unknown): Promise<void>;
}

/** A `FileSystemFileHandle`. */
export interface FileTarget {
  readonly name: string;
  createWritable(): Promise<WritableTarget>;
  getFile(): Promise<File>;
}

/** A `FileSystemDirectoryHandle`. */
export interface DirectoryTarget {
  getDirectoryHandle(name: string, options?: { create?: boolean }): Promise<DirectoryTarget>;
  getFileHandle(name: string, options?: { create?: boolean }): Promise<FileTarget>;
  removeEntry(name: string, options?: { recursive?: boolean }): Promise<void>;
}
