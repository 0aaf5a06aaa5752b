// Opens a GGUF model: a single file, or all parts of one that was split by llama.cpp's gguf-split.

import { EspalierError } from '../../errors.ts';
import { shortName } from '../../onnx/limits.ts';
import { type Folder, nameInWords, openFile } from '../../onnx/source.ts';
import type { GgufFiles, StoredTensor } from '../tensorFiles.ts';
import { type GgufHeader, readGgufHeader } from './header.ts';
import type { GgufMetadata } from './metadata.ts';

/** The name of a part, counted from 1 in five digits: model-00001-of-00003.gguf. */
const PART = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/;
/** Parts of a model. The largest published ones have some dozens. */
const MAX_PARTS = 1024;

/** Where a part belongs: its place, counted from 0, of how many. */
export interface SplitName {
  stem: string;
  no: number;
  count: number;
}

/** What the name of a file says of a split model; null for the name of a whole one. */
export function splitName(path: string): SplitName | null {
  const [, stem, no, count] = PART.exec(path) ?? [];
  return stem === undefined ? null : { stem, no: Number(no) - 1, count: Number(count) };
}

/** Path of a part. */
export function partPath(stem: string, no: number, count: number): string {
  const five = (n: number): string => String(n).padStart(5, '0');
  return `${stem}-${five(no + 1)}-of-${five(count)}.gguf`;
}

/**
 * Reads the headers of a model, without any data of its tensors.
 * @param path the file, or any part of a split model
 * @throws EspalierError `corrupt-file` for damaged headers and parts that do not belong together;
 *   `unsupported-graph` for versions, byte orders and types that are not read; `missing-file` for
 *   parts that are not in the folder
 */
export async function readGguf(folder: Folder, path: string): Promise<GgufFiles> {
  const opened = await readGgufHeader(path, openFile(folder, path));
  const parts = await readParts(folder, opened);
  const tensors = new Map<string, StoredTensor>();
  for (const part of parts)
    for (const tensor of part.tensors) {
      if (tensors.has(tensor.name))
        throw unrelated(`${part.path} has the tensor ${shortName(tensor.name)} of another part`);
      tensors.set(tensor.name, tensor);
    }
  const [first] = parts as [GgufHeader];
  const stated = numberAt(first.metadata, 'split.tensors.count');
  if (parts.length > 1 && stated !== null && stated !== tensors.size)
    throw unrelated(
      `The ${parts.length} parts of ${first.path} have ${tensors.size} tensors together; the ` +
        `first says ${stated}`,
    );
  const files = parts.map(({ metadata: _, ...file }) => file);
  return { format: 'gguf', files, metadata: first.metadata, tensors };
}

async function readParts(folder: Folder, opened: GgufHeader): Promise<GgufHeader[]> {
  const count = numberAt(opened.metadata, 'split.count') ?? 0;
  if (count <= 1) return [opened];
  const name = splitName(opened.path);
  if (!name || name.count !== count || count > MAX_PARTS)
    throw new EspalierError(
      'missing-file',
      `${opened.path} is one of ${count} parts of a model, but its name does not say which.`,
      'Give the parts the names that they were published with: ' +
        `${partPath('model', 0, count)} and so on.`,
    );
  const paths = Array.from({ length: count }, (_, no) => partPath(name.stem, no, count));
  const missing = paths.filter((path) => folder.open(path) === null);
  const more = missing.length > 4 ? ` and ${missing.length - 4} more` : '';
  if (missing.length > 0)
    throw new EspalierError(
      'missing-file',
      `${opened.path} is one of ${count} parts of a model, of which ${nameInWords(folder)} lacks ` +
        `${missing.slice(0, 4).join(', ')}${more}.`,
      'Open the folder with all parts, or drop all of them together.',
    );
  const parts: GgufHeader[] = [];
  for (const [no, path] of paths.entries()) {
    const part = path === opened.path ? opened : await readGgufHeader(path, openFile(folder, path));
    const said = numberAt(part.metadata, 'split.no');
    const of = numberAt(part.metadata, 'split.count');
    if (said !== no || of !== count)
      throw unrelated(
        `${path} says it is part ${said === null ? 'none' : said + 1} of ${of ?? 'none'}`,
      );
    parts.push(part);
  }
  return parts;
}

function numberAt(metadata: GgufMetadata, key: string): number | null {
  const value = metadata.get(key)?.value;
  return typeof value === 'number' || typeof value === 'bigint' ? Number(value) : null;
}

function unrelated(what: string): EspalierError {
  return new EspalierError(
    'corrupt-file',
    `${what}.`,
    'These parts are not of one model: download or split it again.',
  );
}
