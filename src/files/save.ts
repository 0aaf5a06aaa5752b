// Writes an export to the user's disk, as a folder or a zip; an incomplete one is removed again.

import { type ErrorCode, EspalierError, isCancelled, toReport } from '../errors.ts';
import {
  type Chunk,
  checkPaths,
  checkSource,
  chunkBytes,
  chunksOf,
  safeOrder,
  totalBytes,
  type WriteJob,
} from './chunks.ts';
import type { FileAt } from './folder.ts';
import type { DirectoryTarget, FileTarget } from './targets.ts';
import { zipChunks } from './zipWrite.ts';

export interface SavedFolder {
  /** Name of the new folder; `-2`, `-3` and so on is added to a name that is taken. */
  name: string;
  handle: DirectoryTarget;
}

type Failure = [code: ErrorCode, message: (path: string) => string, hint: string];

const STOPPED: Failure = [
  'disk-full',
  (path) => `The browser stopped writing ${path}.`,
  'The disk may be full, or the browser refuses the file: free some space, or choose ' +
    'another place.',
];

const FAILURES: Record<string, Failure> = {
  QuotaExceededError: [
    'disk-full',
    (path) => `There is no room left on the disk for ${path}.`,
    'Free some space or choose another disk.',
  ],
  NotAllowedError: [
    'bad-input',
    (path) => `The browser may not write ${path}.`,
    'Export again and allow writing when the browser asks, or save a zip.',
  ],
  AbortError: STOPPED,
  // Chromium stops copying from a source that can be read when the disk is full.
  NotReadableError: STOPPED,
  NoModificationAllowedError: [
    'bad-input',
    (path) => `${path} is being written by another program.`,
    'Close the program that uses it, or choose another place.',
  ],
  NotFoundError: [
    'missing-file',
    (path) => `The folder that ${path} was written to does not exist any more.`,
    'Export again and choose a place that stays.',
  ],
};

/**
 * The coded error of a failure to write; coded errors pass unchanged. Browsers report a source file
 * that is gone as a failed write too, so the source is checked first.
 */
async function writeFailure(path: string, error: unknown, job: WriteJob): Promise<unknown> {
  if (error instanceof EspalierError || (job.signal?.aborted && isCancelled(error))) return error;
  const { name = '' } = (error ?? {}) as { name?: string };
  const known = FAILURES[name];
  if (name !== 'QuotaExceededError' && name !== 'AbortError') {
    const sourceError = await checkSource(job).catch((reason: unknown) => reason);
    if (sourceError instanceof EspalierError) return sourceError;
  }
  const [code, message, hint] = known ?? [
    'missing-file',
    () => `${path} could not be written.`,
    'Export again, or choose another place.',
  ];
  return new EspalierError(code, message(path), hint, String(error));
}

async function exists(parent: DirectoryTarget, name: string): Promise<boolean> {
  try {
    await parent.getDirectoryHandle(name);
    return true;
  } catch (error) {
    // A file of that name takes the name as well.
    return (error as { name?: string }).name === 'TypeMismatchError';
  }
}

async function freshFolder(parent: DirectoryTarget, name: string): Promise<SavedFolder> {
  let free = name;
  for (let i = 2; await exists(parent, free); i++) free = `${name}-${i}`;
  return { name: free, handle: await parent.getDirectoryHandle(free, { create: true }) };
}

async function fileHandle(root: DirectoryTarget, path: string): Promise<FileTarget> {
  const steps = path.split('/');
  const leaf = steps.pop()!;
  let folder = root;
  for (const step of steps) folder = await folder.getDirectoryHandle(step, { create: true });
  return await folder.getFileHandle(leaf, { create: true });
}

/**
 * Fills a file from chunks; while one is written, the next is produced. An aborted or failed write
 * leaves the file as it was: the browser writes to a temporary file and swaps at the end.
 * @param onChunk called with the bytes of each chunk once it is written.
 */
async function fill(
  handle: FileTarget,
  chunks: AsyncGenerator<Chunk>,
  onChunk: (bytes: number) => void,
): Promise<void> {
  const writable = await handle.createWritable();
  try {
    let ahead = chunks.next();
    for (;;) {
      const { done, value } = await ahead;
      if (done) break;
      ahead = chunks.next();
      ahead.catch(() => {});
      await writable.write(value);
      onChunk(chunkBytes(value));
    }
    await writable.close();
  } catch (error) {
    await writable.abort(error).catch(() => {});
    void chunks.return(undefined).catch(() => {});
    throw error;
  }
}

/** File that marks an export folder as unfinished until everything is written. */
export const UNFINISHED = 'unfinished-export.txt';
const UNFINISHED_TEXT = 'This export was not finished. Delete the folder and export again.\n';

/**
 * Writes files into a new subfolder `name` of `parent`, in constant memory. The subfolder is
 * removed when writing fails or is cancelled; if that fails too, the file UNFINISHED stays in it
 * and the error says so.
 * @throws EspalierError `cancelled`; `disk-full`; `bad-input` when writing is not allowed;
 *   `missing-file` when the parent does not exist any more; whatever the source throws.
 */
export async function saveFolder(
  parent: DirectoryTarget,
  name: string,
  job: WriteJob,
): Promise<SavedFolder> {
  checkPaths(job.files);
  const total = totalBytes(job.files);
  let done = 0;
  let current = name;
  let saved: SavedFolder | null = null;
  job.onProgress?.(0, total);
  try {
    saved = await freshFolder(parent, name);
    await fill(await fileHandle(saved.handle, UNFINISHED), textChunk(UNFINISHED_TEXT), () => {});
    for (const file of safeOrder(job.files)) {
      current = file.path;
      await fill(
        await fileHandle(saved.handle, file.path),
        chunksOf(file, job.source, job.signal),
        (bytes) => {
          done += bytes;
          job.onProgress?.(done, total);
        },
      );
    }
    await saved.handle.removeEntry(UNFINISHED);
    return saved;
  } catch (error) {
    const failure = await writeFailure(current, error, job);
    const remains = saved !== null && !(await removed(parent, saved.name));
    throw remains ? withRemainder(failure, saved?.name ?? name) : failure;
  }
}

async function* textChunk(text: string): AsyncGenerator<Chunk> {
  yield new TextEncoder().encode(text);
}

/** Removes a folder; false when it is still there. */
async function removed(parent: DirectoryTarget, name: string): Promise<boolean> {
  try {
    await parent.removeEntry(name, { recursive: true });
    return true;
  } catch (error) {
    return (error as { name?: string }).name === 'NotFoundError';
  }
}

/** The error with a note on the folder that could not be removed. */
function withRemainder(failure: unknown, name: string): unknown {
  const { code, message, hint, detail } = toReport(failure);
  return new EspalierError(
    code,
    message,
    `${hint} The folder ${name} is incomplete: delete it.`.trim(),
    detail,
  );
}

/**
 * Streams a zip into a file that the user chose. When writing fails or is cancelled, the empty file
 * is removed where the browser can do that.
 * @throws EspalierError as `saveFolder`.
 */
export async function saveZip(handle: FileTarget, root: string, job: WriteJob): Promise<void> {
  try {
    await fill(handle, zipChunks(root, job), () => {});
  } catch (error) {
    const left = await handle.getFile().catch(() => null);
    if (left?.size === 0) await (handle as Removable).remove?.().catch(() => {});
    throw await writeFailure(handle.name, error, job);
  }
}

/**
 * The zip as one Blob, for browsers without a file picker. Ranges of the user's files are
 * referenced, not read into memory.
 * @throws EspalierError as `saveFolder`.
 */
export async function zipBlob(root: string, job: WriteJob): Promise<Blob> {
  const chunks: Blob[] = [];
  try {
    // One Blob per chunk: the browser can then keep them on disk.
    for await (const chunk of zipChunks(root, job))
      chunks.push(chunk instanceof Uint8Array ? new Blob([chunk]) : chunk);
  } catch (error) {
    throw await writeFailure(`${root}.zip`, error, job);
  }
  return new Blob(chunks, { type: 'application/zip' });
}

/** `FileSystemHandle.remove`, which some browsers lack. */
interface Removable {
  remove?: () => Promise<void>;
}

/** The files that `saveFolder` wrote, opened again from the disk for verification. */
export async function readBack(
  folder: DirectoryTarget,
  files: readonly { path: string }[],
): Promise<FileAt[]> {
  const out: FileAt[] = [];
  for (const { path } of files) {
    try {
      const steps = path.split('/');
      const leaf = steps.pop()!;
      let at = folder;
      for (const step of steps) at = await at.getDirectoryHandle(step);
      out.push({ path, file: await (await at.getFileHandle(leaf)).getFile() });
    } catch (error) {
      throw new EspalierError(
        'missing-file',
        `The file ${path} is missing from the folder that was written.`,
        'Save again.',
        String(error),
      );
    }
  }
  return out;
}
