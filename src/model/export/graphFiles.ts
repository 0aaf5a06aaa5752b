// The files of one graph of an export: the graph itself and the data files of its weights.

import { EspalierError } from '../../errors.ts';
import { encodeModel } from '../../onnx/codec.ts';
import type { Model } from '../../onnx/graph.ts';
import type { Bytes, Folder, FolderFile } from '../../onnx/source.ts';
import { readInner } from './inPlace.ts';
import { dataFileName, layOut } from './layout.ts';
import type { Loader } from './usage.ts';

/**
 * A file to write: its parts in order, each of them bytes, a range of a file of the source folder,
 * or computed from such while it is written.
 */
export interface ManifestFile {
  path: string;
  /** Bytes; the sum of the parts. */
  size: number;
  parts: Bytes[];
}

/**
 * The graph file and the data files of its weights, none under a name that is `taken`.
 * @returns with the number of names up to the last data file, as loaders count them
 */
export async function graphFiles(
  folder: Folder,
  graphPath: string,
  model: Model,
  options: { kind: Loader; taken: ReadonlySet<string>; partBytes: number | undefined },
): Promise<{ files: ManifestFile[]; dataFiles: number }> {
  const { directory, name } = splitPath(graphPath);
  const nameOf = dataFileName(name, options.kind === 'genai');
  let dataFiles = 0;
  const free = (): string => {
    while (options.taken.has(directory + nameOf(dataFiles))) dataFiles++;
    return nameOf(dataFiles++);
  };
  const layout = layOut(model.graph, free, options.partBytes);
  const inner = await readInner(model, folder);
  const graph = encodeModel(model, (tensor, range, owner) => {
    const bytes = inner.get(tensor);
    return owner === 'initializer' && !bytes ? layout.place(range) : (bytes ?? fail(tensor.name));
  });
  const data = layout.files.map((file) => ({
    path: `${directory}${file.name}`,
    size: file.size,
    parts: file.parts,
  }));
  return { files: [whole(graphPath, graph), ...data], dataFiles };
}

export function splitPath(path: string): { directory: string; name: string } {
  const slash = path.lastIndexOf('/') + 1;
  return { directory: path.slice(0, slash), name: path.slice(slash) };
}

export function copy({ path, size }: FolderFile, written: string): ManifestFile {
  return { path: written, size, parts: [{ file: path, offset: 0, length: size }] };
}

export function whole(path: string, bytes: Uint8Array): ManifestFile {
  return { path, size: bytes.length, parts: [bytes] };
}

export function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function fail(name: string): never {
  throw new EspalierError(
    'bug',
    `The constant "${name}" was found while writing but not while reading the graph.`,
  );
}
