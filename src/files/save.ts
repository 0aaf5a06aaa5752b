// Writes an export into a folder of the user's disk; what did not get whole is taken away again.

import { EspalierError, isCancelled } from '../errors.ts';
import type { FileAt } from './folder.ts';
import { checkPaths, chunksOf, type OutputFile, safeOrder, totalBytes, type WriteJob } from './parts.ts';
import type { DirectoryTarget, FileTarget } from './targets.ts';

export interface SavedFolder {
  /** The name that the folder got: `-2`, `-3` ... is added to one that is taken. */
  name: string;
  handle: DirectoryTarget;
}

/** A failure to write, in words; errors that already speak pass. */
export function writeFailure(path: string, error: unknown): unknown {
  if (error instanceof EspalierError || isCancelled(error)) return error;
  const name = (error as { name?: string } | null)?.name ?? '';
  if (name === 'QuotaExceededError')
    return new EspalierError(
      'disk-full',
      `There is no room left on the disk for ${path}.`,
      'Free some space or choose another disk.',
      String(error),
    );
  if (name === 'NotAllowedError')
    return new EspalierError(
      'bad-input',
      `The browser may not write ${path}.`,
      'Allow writing when the browser asks, or save a zip.',
      String(error),
    );
  return new EspalierError(
    'missing-file',
    `${path} could not be written.`,
    'Check that the folder still exists, then save again.',
    String(error),
  );
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
 * Fills a file from chunks; an aborted or failed write leaves the file as it was (the browser writes beside it and swaps at the end).
 * @param onChunk bytes of each chunk, once it is written
 */
export async function writeStream(
  handle: FileTarget,
  chunks: AsyncIterable<Uint8Array<ArrayBuffer>>,
  onChunk: (bytes: number) => void,
): Promise<void> {
  const writable = await handle.createWritable();
  try {
    for await (const chunk of chunks) {
      await writable.write(chunk);
      onChunk(chunk.length);
    }
    await writable.close();
  } catch (error) {
    await writable.abort(error).catch(() => {});
    throw error;
  }
}

/**
 * Writes files into a new subfolder `name` of `parent`, 4 MiB at a time.
 * When it fails or is cancelled the subfolder is removed.
 * @throws EspalierError `cancelled`, `disk-full`, `bad-input` (not allowed), or what the source throws
 */
export async function saveFolder(parent: DirectoryTarget, name: string, job: WriteJob): Promise<SavedFolder> {
  checkPaths(job.files);
  const total = totalBytes(job.files);
  let done = 0;
  let current = name;
  let saved: SavedFolder | null = null;
  try {
    saved = await freshFolder(parent, name);
    for (const file of safeOrder(job.files)) {
      current = file.path;
      await writeStream(await fileHandle(saved.handle, file.path), chunksOf(file, job.source, job.signal), (bytes) => {
        done += bytes;
        job.onProgress?.(done, total);
      });
    }
    return saved;
  } catch (error) {
    if (saved) await parent.removeEntry(saved.name, { recursive: true }).catch(() => {});
    throw writeFailure(current, error);
  }
}

/** The files that `saveFolder` wrote, as the disk has them now: what a verification has to read. */
export async function readBack(folder: DirectoryTarget, files: readonly Pick<OutputFile, 'path'>[]): Promise<FileAt[]> {
  const out: FileAt[] = [];
  for (const { path } of files) {
    try {
      const steps = path.split('/');
      const leaf = steps.pop()!;
      let at = folder;
      for (const step of steps) at = await at.getDirectoryHandle(step);
      out.push({ path, file: await (await at.getFileHandle(leaf)).getFile() });
    } catch (error) {
      throw new EspalierError('missing-file', `The file ${path} is not in the folder that was written.`, 'Save again.', String(error));
    }
  }
  return out;
}
