// Handles of the disk, where the browser has them: of what was dropped, and read again later.

import { isClutterFolder } from '../model/open/clutter.ts';
import { asFolder, type PickedFolder } from './pickedFolder.ts';

/** An item of a drop in Chromium; not in TypeScript's DOM types. */
interface WithHandle {
  getAsFileSystemHandle?: () => Promise<FileSystemHandle | null>;
}

/** A folder handle as it is walked; `values` is not in TypeScript's DOM types everywhere. */
interface Walkable extends FileSystemHandle {
  values(): AsyncIterable<FileSystemDirectoryHandle | FileSystemFileHandle>;
}

/** The handles of a drop; must be called within its event. None where the browser has none. */
export function handlesOf(data: DataTransfer): Promise<(FileSystemHandle | null)[]> {
  const items = [...data.items].filter(({ kind }) => kind === 'file');
  return Promise.all(
    items.map((item) =>
      Promise.resolve((item as WithHandle).getAsFileSystemHandle?.())
        .then((handle) => handle ?? null)
        .catch(() => null),
    ),
  );
}

/** Handles by the list of files that was read through them. */
const known = new WeakMap<PickedFolder['files'], FileSystemHandle>();

/** The handle of a folder that was read here; undefined where there was none. */
export const handleOf = (files: PickedFolder['files']): FileSystemHandle | undefined =>
  known.get(files);

/** Remembers the handle of a folder, when it is one thing with one handle. @returns the folder */
export function withHandle(
  folder: PickedFolder | null,
  handles: readonly (FileSystemHandle | null | undefined)[],
): PickedFolder | null {
  const [handle] = handles;
  if (folder && handle && handles.length === 1) known.set(folder.files, handle);
  return folder;
}

/**
 * The files as they are on the disk now, which can be read again in turn; null when there are none.
 * @throws DOMException `NotFoundError` or `NotAllowedError`
 */
export async function readHandle(handle: FileSystemHandle): Promise<PickedFolder | null> {
  if (handle.kind === 'file') {
    const file = await (handle as FileSystemFileHandle).getFile();
    return withHandle(
      asFolder([{ path: file.name, file: Object.assign(file, { handle }) }], file.name),
      [handle],
    );
  }
  const files: PickedFolder['files'] = [];
  async function walk(directory: Walkable, path: string): Promise<void> {
    const work: Promise<void>[] = [];
    for await (const entry of directory.values()) {
      const at = `${path}/${entry.name}`;
      if (entry.kind === 'directory') {
        if (!isClutterFolder(entry.name)) work.push(walk(entry as unknown as Walkable, at));
      } else
        work.push(
          entry.getFile().then((file) => {
            const handles = { handle: entry, directoryHandle: directory };
            files.push({ path: at, file: Object.assign(file, handles) });
          }),
        );
    }
    await Promise.all(work);
  }
  await walk(handle as Walkable, handle.name);
  return withHandle(asFolder(files, handle.name), [handle]);
}
