// A disk in memory that behaves like the browser's handles (content appears on close), for tests in
// Node.

import type { DirectoryTarget, FileTarget, WritableTarget } from '../targets.ts';

/** What a disk is asked to do; `name` is that of the file or folder. */
export type Step = 'create' | 'write' | 'close' | 'remove';

/**
 * The name of the browser's exception that ends this step, or null. `bytes` are those of the file
 * so far.
 */
export type Fault = (step: Step, name: string, bytes: number) => string | null;

function failure(name: string): Error {
  return Object.assign(new Error(name), { name });
}

export class MemoryFile implements FileTarget {
  readonly name: string;
  content: Uint8Array<ArrayBuffer>[] = [];
  fault: Fault;
  aborted = 0;
  removed = false;

  constructor(name: string, fault: Fault = () => null) {
    this.name = name;
    this.fault = fault;
  }

  async createWritable(): Promise<WritableTarget> {
    this.ask('create', 0);
    const pending: Uint8Array<ArrayBuffer>[] = [];
    let written = 0;
    return {
      write: async (data) => {
        const bytes =
          data instanceof Uint8Array ? data.slice() : new Uint8Array(await data.arrayBuffer());
        written += bytes.length;
        this.ask('write', written);
        pending.push(bytes);
      },
      close: async () => {
        this.ask('close', written);
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

  private ask(step: Step, bytes: number): void {
    const name = this.fault(step, this.name, bytes);
    if (name) throw failure(name);
  }
}

export class MemoryDirectory implements DirectoryTarget {
  readonly folders = new Map<string, MemoryDirectory>();
  readonly files = new Map<string, MemoryFile>();
  /** Of this folder and all in it. */
  fault: Fault = () => null;

  async getDirectoryHandle(name: string, options?: { create?: boolean }): Promise<MemoryDirectory> {
    if (this.files.has(name)) throw failure('TypeMismatchError');
    const known = this.folders.get(name);
    if (known) return known;
    if (!options?.create) throw failure('NotFoundError');
    this.ask('create', name);
    const made = new MemoryDirectory();
    made.fault = (...step) => this.fault(...step);
    this.folders.set(name, made);
    return made;
  }

  async getFileHandle(name: string, options?: { create?: boolean }): Promise<MemoryFile> {
    const known = this.files.get(name);
    if (known) return known;
    if (!options?.create) throw failure('NotFoundError');
    this.ask('create', name);
    const made = new MemoryFile(name, (...step) => this.fault(...step));
    this.files.set(name, made);
    return made;
  }

  async removeEntry(name: string, options?: { recursive?: boolean }): Promise<void> {
    this.ask('remove', name);
    const folder = this.folders.get(name);
    if (folder && !options?.recursive && folder.files.size + folder.folders.size > 0)
      throw failure('InvalidModificationError');
    if (!this.folders.delete(name) && !this.files.delete(name)) throw failure('NotFoundError');
  }

  private ask(step: Step, name: string): void {
    const fault = this.fault(step, name, 0);
    if (fault) throw failure(fault);
  }
}
