// Links of a download cache that became small text files: in a zip, or by a copy without links.

import { type ByteSource, type Folder, type FolderFile, readText } from '../../onnx/source.ts';

/** Longest text of such a link. */
export const MAX_LINK_BYTES = 128;
const LINK = /^(?:\.\.\/)+blobs\/[0-9a-f]{40,64}$/;
const IN_SNAPSHOT = /(^|\/)snapshots\/[^/]+\/[^/]/;

/** The blob that the text of a file in a snapshot names, relative to the file; null for others. */
export function storedLink(text: string): string | null {
  return LINK.test(text) ? text : null;
}

/** The folder with such links followed, as far as they lead to one of its files. */
export async function withStoredLinks(folder: Folder): Promise<Folder> {
  const sizes = new Map(folder.files.map(({ path, size }) => [path, size]));
  const targets = new Map<string, string>();
  for (const { path, size } of folder.files) {
    if (size > MAX_LINK_BYTES || !IN_SNAPSHOT.test(path)) continue;
    const text = storedLink((await readText(folder, path, MAX_LINK_BYTES)) ?? '');
    const target = text === null ? null : follow(path, text);
    if (target !== null && sizes.has(target)) targets.set(path, target);
  }
  if (targets.size === 0) return folder;
  const target = (path: string): string => targets.get(path) ?? path;
  return {
    ...folder,
    files: folder.files.map(
      ({ path, size }): FolderFile => ({ path, size: sizes.get(target(path)) ?? size }),
    ),
    open: (path): ByteSource | null => folder.open(target(path)),
    diskPath: (path) => (targets.has(path) ? null : (folder.diskPath?.(path) ?? null)),
  };
}

/** A path relative to a file; null when it leads out of the folder. */
function follow(path: string, link: string): string | null {
  const steps = path.split('/').slice(0, -1);
  for (const step of link.split('/')) {
    if (step !== '..') steps.push(step);
    else if (steps.pop() === undefined) return null;
  }
  return steps.join('/');
}
