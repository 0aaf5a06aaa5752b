// Writes an export into a folder or a zip of the user's disk; what did not get whole is taken away
// again.

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
  /** The name that the folder got: `-2`, `-3` ... is added to one that is taken. */
  name: string;
  handle: DirectoryTarget;
}

const FAILURES: Record<string, [code: ErrorCode, message: (path: string) => string, hint: string]> =
  {
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
    AbortError: [
      'disk-full',
      (path) => `The browser broke off writing ${path}.`,
      'The disk may be full, or the browser refuses the file: free some space, or choose ' +
        'another place.',
    ],
    NoModificationAllowedError: [
      'bad-input',
      (path) => `${path} is being written by something else.`,
      'Close what uses it, or choose another place.',
    ],
    NotFoundError: [
      'missing-file',
      (path) => `The place that ${path} was written to is not there any more.`,
      'Export again and choose a place that stays.',
    ],
  };

/**
 * A failure to write, in words; errors that already speak pass. A source that is gone is named
 * first: the browser reports it as a failed write.
 */
async function writeFailure(path: string, error: unknown, job: WriteJob): Promise<unknown> {
  if (error instanceof EspalierError || (job.signal?.aborted && isCancelled(error))) return error;
  const known = FAILURES[(error as { name?: string } | null)?.name ?? ''];
  if (known?.[0] !== 'disk-full') {
    const gone = await checkSource(job).catch((reason: unknown) => reason);
    if (gone instanceof EspalierError) return gone;
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
    // A file of that name is in the way just as much.
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
 * Fills a file from chunks, the next of which is made while one is written. An aborted or failed
 * write leaves the file as it was: the browser writes beside it and swaps at the end.
 * @param onChunk bytes of each chunk, once it is written
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

/**
 * Lies in a folder until everything is written: whoever finds it there knows that a closed tab or a
 * lost disk ended the export.
 */
export const UNFINISHED = 'unfinished-export.txt';
const UNFINISHED_TEXT = 'This export was not finished. Delete the folder and export again.\n';

/**
 * Writes files into a new subfolder `name` of `parent`, in constant memory.
 * When it fails or is cancelled the subfolder is removed; where even that fails it keeps the file
 * UNFINISHED, and the error says so.
 * @throws EspalierError `cancelled`, `disk-full`, `bad-input` (not allowed), `missing-file` (the
 *   place is gone), or what the source throws
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
    const left = saved !== null && !(await removed(parent, saved.name));
    throw left ? withRest(failure, saved?.name ?? name) : failure;
  }
}

async function* textChunk(text: string): AsyncGenerator<Chunk> {
  yield new TextEncoder().encode(text);
}

/** False when the folder is still there. */
async function removed(parent: DirectoryTarget, name: string): Promise<boolean> {
  try {
    await parent.removeEntry(name, { recursive: true });
    return true;
  } catch (error) {
    return (error as { name?: string }).name === 'NotFoundError';
  }
}

/** The error of a folder that could not be taken away. */
function withRest(failure: unknown, name: string): unknown {
  const { code, message, hint, detail } = toReport(failure);
  return new EspalierError(
    code,
    message,
    `${hint} What is left in the folder ${name} is not whole: delete it.`.trim(),
    detail,
  );
}

/**
 * Streams a zip into a file that the user chose. When it fails or is cancelled an empty file is
 * taken away again where the browser can.
 * @throws EspalierError as `saveFolder`
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
 * The zip as one Blob, for browsers without a file picker: files of the user's disk stay where they
 * are, as ranges.
 * @throws EspalierError as `saveFolder`
 */
export async function zipBlob(root: string, job: WriteJob): Promise<Blob> {
  const chunks: Blob[] = [];
  try {
    // A Blob of its own for each chunk: the browser keeps those on disk.
    for await (const chunk of zipChunks(root, job))
      chunks.push(chunk instanceof Uint8Array ? new Blob([chunk]) : chunk);
  } catch (error) {
    throw await writeFailure(`${root}.zip`, error, job);
  }
  return new Blob(chunks, { type: 'application/zip' });
}

/** A handle that can delete its file, where the browser has that. */
interface Removable {
  remove?: () => Promise<void>;
}

/** The files that `saveFolder` wrote, as the disk has them now: what a verification has to read. */
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
        `The file ${path} is not in the folder that was written.`,
        'Save again.',
        String(error),
      );
    }
  }
  return out;
}
