// A model folder on the local disk, read by range through file descriptors.

import { type FileHandle, open, readdir, readFile, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { EspalierError } from '../errors.ts';
import { isClutterFile, isClutterFolder } from '../model/open/clutter.ts';
import { repositoryName } from '../model/open/modelName.ts';
import { MAX_LINK_BYTES, storedLink } from '../model/open/storedLinks.ts';
import type { ByteSource, Folder, FolderFile } from '../onnx/source.ts';
import { fsError } from './fsError.ts';
import { besideTensors } from './tensorFile.ts';

/** A folder that counts the bytes read from it. */
export interface CountingFolder extends Folder {
  /** Bytes read so far, over all files. */
  bytesRead(): number;
  /** Closes all file descriptors; later reads open them again. */
  close(): Promise<void>;
}

/** Folders below this depth are not searched. */
const MAX_DEPTH = 6;

/** A file of the folder; `target` is where its bytes are, for a link that was stored as text. */
interface Listed extends FolderFile {
  target?: string;
  isLink?: boolean;
}

async function walk(root: string, relative: string, depth: number, out: Listed[]): Promise<void> {
  const entries = await readdir(join(root, relative), { withFileTypes: true });
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    const path = relative ? `${relative}/${entry.name}` : entry.name;
    // stat follows symbolic links, which model caches use for their files; the entry does not.
    const info = await stat(join(root, path)).catch(() => null);
    if (info?.isDirectory()) {
      if (depth >= MAX_DEPTH || isClutterFolder(entry.name)) continue;
      if (entry.isSymbolicLink() && (await leadsUp(root, path))) continue;
      await walk(root, path, depth + 1, out);
    } else if (info?.isFile() && !isClutterFile(entry.name))
      out.push(
        (await linked(root, path, info.size)) ?? {
          path,
          size: info.size,
          isLink: entry.isSymbolicLink(),
        },
      );
  }
}

/** A link of a download cache that was copied as text, as the file that it names; else null. */
async function linked(root: string, path: string, size: number): Promise<Listed | null> {
  const file = join(root, path);
  if (size > MAX_LINK_BYTES || !file.includes(`${sep}snapshots${sep}`)) return null;
  const link = storedLink(await readFile(file, 'utf8').catch(() => ''));
  if (link === null) return null;
  const target = resolve(dirname(file), link);
  const info = await stat(target).catch(() => null);
  return info?.isFile() ? { path, size: info.size, target } : null;
}

/**
 * The name of a folder; for a snapshot in a download cache, which is named by a hash, that of the
 * repository.
 */
function nameOf(root: string): string {
  const isSnapshot = basename(dirname(root)) === 'snapshots';
  return (isSnapshot ? repositoryName(root.split(sep)) : null) ?? basename(root);
}

/** True for a link to a folder that it lies in, which would be walked again and again. */
async function leadsUp(root: string, path: string): Promise<boolean> {
  const [target, parent] = await Promise.all([
    realpath(join(root, path)),
    realpath(dirname(join(root, path))),
  ]);
  return parent === target || parent.startsWith(target + sep);
}

function missing(path: string, error: unknown): EspalierError {
  return new EspalierError(
    'missing-file',
    `The file ${path} cannot be read any more.`,
    'Put the file back or open the folder again.',
    String(error),
  );
}

class NodeSource implements ByteSource {
  readonly size: number;
  readonly #file: string;
  readonly #path: string;
  readonly #count: (bytes: number) => void;
  #handle: Promise<FileHandle> | null = null;

  constructor(file: string, path: string, size: number, count: (bytes: number) => void) {
    this.#file = file;
    this.#path = path;
    this.size = size;
    this.#count = count;
  }

  async read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    this.#check(offset, length);
    const out = new Uint8Array(length);
    await this.readInto(offset, out);
    return out;
  }

  #check(offset: number, length: number): void {
    if (
      !Number.isSafeInteger(offset) ||
      !Number.isSafeInteger(length) ||
      offset < 0 ||
      length < 0 ||
      offset + length > this.size
    )
      throw new EspalierError(
        'corrupt-file',
        `The file ${this.#path} has ${this.size} bytes; bytes ${offset} to ` +
          `${offset + length} were requested.`,
        'The file is shorter than the graph says: download it again.',
      );
  }

  async readInto(offset: number, target: Uint8Array): Promise<void> {
    const { length } = target;
    this.#check(offset, length);
    let done = 0;
    try {
      this.#handle ??= open(this.#file, 'r');
      const handle = await this.#handle;
      while (done < length) {
        const { bytesRead } = await handle.read(target, done, length - done, offset + done);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
    } catch (error) {
      this.#handle = null;
      throw missing(this.#path, error);
    }
    if (done < length)
      throw missing(this.#path, `short read: ${done} of ${length} bytes at ${offset}`);
    this.#count(length);
  }

  async close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = null;
    await handle?.then((open) => open.close());
  }
}

/**
 * A folder of the local disk with its files down to a depth of six folders, sorted by path; of a
 * GGUF or safetensors file what belongs to its model.
 * @throws EspalierError `missing-file` when `path` is neither; `bad-input` when it may not be read.
 */
export async function nodeFolder(path: string): Promise<CountingFolder> {
  const root = resolve(path);
  const info = await stat(root).catch(() => null);
  const unreadable = (error: unknown): never => {
    throw fsError(error, `The folder ${path} cannot be read`);
  };
  if (info?.isDirectory()) {
    const files: Listed[] = [];
    await walk(root, '', 0, files).catch(unreadable);
    return counting(root, nameOf(root), files);
  }
  const shown = info?.isFile() ? await besideTensors(root).catch(unreadable) : null;
  if (shown) return counting(shown.root, shown.name ?? nameOf(shown.root), shown.files);
  throw new EspalierError(
    'missing-file',
    `${path} is not a folder${info ? ', nor a GGUF or safetensors file' : ''}.`,
    'Give the folder that holds config.json or genai_config.json.',
  );
}

/** A folder that shows one file of it alone. @throws EspalierError `missing-file` */
export async function folderOfFile(path: string): Promise<CountingFolder> {
  const file = resolve(path);
  const info = await stat(file).catch((error: unknown) => {
    throw fsError(error, `${path} cannot be read`);
  });
  const shown = { path: basename(file), size: info.size, isLink: true };
  return counting(dirname(file), basename(dirname(file)), [shown]);
}

function counting(root: string, name: string, files: readonly Listed[]): CountingFolder {
  let bytes = 0;
  const sources = new Map<string, NodeSource>();
  return {
    name,
    files: files.map(({ path, size }) => ({ path, size })),
    open(filePath) {
      const known = sources.get(filePath);
      if (known) return known;
      const file = files.find((f) => f.path === filePath);
      if (!file) return null;
      const source = new NodeSource(
        file.target ?? join(root, filePath),
        filePath,
        file.size,
        (n) => {
          bytes += n;
        },
      );
      sources.set(filePath, source);
      return source;
    },
    diskPath(filePath) {
      const file = files.find((f) => f.path === filePath);
      return !file || file.isLink || file.target !== undefined ? null : join(root, filePath);
    },
    bytesRead: () => bytes,
    async close() {
      for (const source of sources.values()) await source.close();
    },
  };
}
