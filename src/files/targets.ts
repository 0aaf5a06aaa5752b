// What is asked of a place to write to: the part of the browser's directory and file handles that
// an export uses. Types only.

export interface WritableTarget {
  write(data: Uint8Array<ArrayBuffer> | Blob): Promise<void>;
  /** Puts the new content in place of the old. */
  close(): Promise<void>;
  /** Leaves the old content. */
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
