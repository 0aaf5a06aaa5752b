// A disk in memory that behaves like the browser's handles (content appears at close), for tests in Node only.

import type { DirectoryTarget, FileTarget, WritableTarget } from '../targets.ts';

function failure(name: string): Error {
  return Object.assign(new Error(name), { name });
}

export class MemoryFile implements FileTarget {
  readonly name: string;
  content: Uint8Array<ArrayBuffer>[] = [];
  /** Bytes after which writing fails as a full disk does. */
  room = Number.POSITIVE_INFINITY;
  aborted = 0;
  removed = false;

  constructor(name: string) {
    this.name = name;
  }

  async createWritable(): Promise<WritableTarget> {
    const pending: Uint8Array<ArrayBuffer>[] = [];
    let written = 0;
    return {
      write: async (data) => {
        written += data.length;
        if (written > this.room) throw failure('QuotaExceededError');
        pending.push(data.slice());
      },
      close: async () => {
        this.content = pending;
      },
      abort: async () => {
        this.aborted++;
      },
    };
  }

  async getFile(): Promise<File> {
    return new File(this.content, this.name);
  }

  async remove(): Promise<void> {
    this.removed = true;
  }
}

export class MemoryDirectory implements DirectoryTarget {
  readonly folders = new Map<string, MemoryDirectory>();
  readonly files = new Map<string, MemoryFile>();
  /** Room of every new file. */
  room = Number.POSITIVE_INFINITY;

  async getDirectoryHandle(name: string, options?: { create?: boolean }): Promise<MemoryDirectory> {
    if (this.files.has(name)) throw failure('TypeMismatchError');
    const known = this.folders.get(name);
    if (known) return known;
    if (!options?.create) throw failure('NotFoundError');
    const made = new MemoryDirectory();
    made.room = this.room;
    this.folders.set(name, made);
    return made;
  }

  async getFileHandle(name: string, options?: { create?: boolean }): Promise<MemoryFile> {
    const known = this.files.get(name);
    if (known) return known;
    if (!options?.create) throw failure('NotFoundError');
    const made = new MemoryFile(name);
    made.room = this.room;
    this.files.set(name, made);
    return made;
  }

  async removeEntry(name: string, options?: { recursive?: boolean }): Promise<void> {
    const folder = this.folders.get(name);
    if (folder && !options?.recursive && folder.files.size + folder.folders.size > 0) throw failure('InvalidModificationError');
    if (!this.folders.delete(name) && !this.files.delete(name)) throw failure('NotFoundError');
  }
}
