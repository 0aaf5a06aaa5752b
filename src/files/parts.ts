// Files that are still to be written, as parts of memory and of source ranges; streams them in chunks of constant size.

import { EspalierError, throwIfCancelled } from '../errors.ts';
import type { ByteRange, Folder } from '../onnx/source.ts';

/** One file of an export: `parts` in order are its `size` bytes. */
export interface OutputFile {
  path: string;
  size: number;
  parts: readonly (Uint8Array | ByteRange)[];
}

export interface WriteJob {
  files: readonly OutputFile[];
  /** Where byte ranges are read from. */
  source: Folder;
  /** Called after every chunk with bytes written and bytes in all. */
  onProgress?: (done: number, total: number) => void;
  signal?: { readonly aborted: boolean };
}

/** Bytes held at a time. */
const CHUNK_BYTES = 4 * 1024 * 1024;

/** Bytes of a whole job. */
export function totalBytes(files: readonly OutputFile[]): number {
  return files.reduce((sum, file) => sum + file.size, 0);
}

/**
 * Refuses paths that leave the folder or are written twice.
 * @throws EspalierError `bad-input`
 */
export function checkPaths(files: readonly OutputFile[]): void {
  const seen = new Set<string>();
  for (const { path } of files) {
    const steps = path.split('/');
    if (steps.some((step) => step === '' || step === '.' || step === '..') || path.includes('\\') || path.includes('\0'))
      throw new EspalierError('bad-input', `The path ${JSON.stringify(path)} leaves the folder that is written.`, 'Nothing was written.');
    if (seen.has(path)) throw new EspalierError('bad-input', `The file ${path} would be written twice.`, 'Nothing was written.');
    seen.add(path);
  }
}

/**
 * The bytes of one file in chunks of at most 4 MiB.
 * @throws EspalierError `missing-file` or `corrupt-file` of the source, `cancelled`, `bug` when the parts do not add up to `size`
 */
export async function* chunksOf(
  file: OutputFile,
  source: Folder,
  signal?: { readonly aborted: boolean },
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let sent = 0;
  for (const part of file.parts) {
    const input = part instanceof Uint8Array ? null : source.open(part.file);
    if (!(part instanceof Uint8Array) && !input)
      throw new EspalierError('missing-file', `The file ${part.file} is not in the source folder any more.`, 'Open the folder again.');
    for (let done = 0; done < part.length; done += CHUNK_BYTES) {
      throwIfCancelled(signal);
      const length = Math.min(CHUNK_BYTES, part.length - done);
      sent += length;
      // A copy, since browsers do not write views of shared memory.
      if (part instanceof Uint8Array) yield new Uint8Array(part.subarray(done, done + length));
      else yield await input!.read(part.offset + done, length);
    }
  }
  if (sent !== file.size) throw new EspalierError('bug', `The parts of ${file.path} are ${sent} bytes, ${file.size} were announced.`);
}

/** Weights first, then graphs, then what names them: a folder that was cut off has no graph, no config and no espalier.json. */
export function safeOrder(files: readonly OutputFile[]): OutputFile[] {
  const rank = ({ path }: OutputFile): number => {
    if (path === 'espalier.json') return 3;
    if (path.endsWith('.json')) return 2;
    return path.endsWith('.onnx') ? 1 : 0;
  };
  return [...files].sort((a, b) => rank(a) - rank(b));
}
