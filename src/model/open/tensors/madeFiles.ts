// A folder with files in it that no storage has: they are made when the model is opened.

import type { ByteSource, Folder } from '../../../onnx/source.ts';

/** The folder with these files, which stand in place of those of the same paths. */
export function withMadeFiles(
  folder: Folder,
  made: ReadonlyMap<string, Uint8Array<ArrayBuffer>>,
): Folder {
  const files = [
    ...folder.files.filter(({ path }) => !made.has(path)),
    ...[...made].map(([path, bytes]) => ({ path, size: bytes.length })),
  ].sort((a, b) => (a.path < b.path ? -1 : 1));
  return {
    ...folder,
    files,
    open: (path) => {
      const bytes = made.get(path);
      return bytes ? sourceOf(bytes) : folder.open(path);
    },
    diskPath: (path) => (made.has(path) ? null : (folder.diskPath?.(path) ?? null)),
    made: (path) => made.get(path) ?? folder.made?.(path) ?? null,
  };
}

function sourceOf(bytes: Uint8Array<ArrayBuffer>): ByteSource {
  return {
    size: bytes.length,
    read: async (offset, length) => bytes.slice(offset, offset + length),
  };
}
