// Folders with one file changed, for tests of damaged exports.

import { encodeModel } from '../../../onnx/codec.ts';
import type { Graph } from '../../../onnx/graph.ts';
import { readModel } from '../../../onnx/read.ts';
import type { Folder } from '../../../onnx/source.ts';
import { inFile } from '../../../onnx/testing/inFile.ts';

/** The folder with one file's bytes changed. */
export async function withFile(
  folder: Folder,
  path: string,
  change: (bytes: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>,
): Promise<Folder> {
  const original = folder.open(path);
  if (!original) throw new Error(`no ${path}`);
  const bytes = change(await original.read(0, original.size));
  const changed = {
    size: bytes.length,
    read: async (offset: number, length: number) => bytes.slice(offset, offset + length),
  };
  return {
    name: folder.name,
    files: folder.files.map((file) => (file.path === path ? { path, size: bytes.length } : file)),
    open: (p) => (p === path ? changed : folder.open(p)),
  };
}

/** The folder with its graph edited and written again. */
/** The folder with its graph file edited. */
export async function withGraph(
  folder: Folder,
  path: string,
  edit: (graph: Graph) => void,
): Promise<Folder> {
  const model = await readModel(folder, path);
  edit(model.graph);
  const directory = path.slice(0, path.lastIndexOf('/') + 1);
  const bytes = encodeModel(
    model,
    inFile((range) => ({
      location: range.file.slice(directory.length),
      offset: range.offset,
      length: range.length,
    })),
  );
  return withFile(folder, path, () => bytes);
}
