// The files of a folder that was dropped or picked, read anew through the handles that came with
// them; must not open a picker.

import type { PickedFolder } from './pickedFolder.ts';

/**
 * What Chromium gives along with a file; `queryPermission` and `requestPermission` are not in
 * TypeScript's DOM types.
 */
interface Readable {
  queryPermission?: (wish: { mode: 'read' }) => Promise<PermissionState>;
  requestPermission?: (wish: { mode: 'read' }) => Promise<PermissionState>;
}

interface WithHandles {
  handle?: Readable & { getFile: () => Promise<File> };
  /** The folder that the file lies in, when it was picked. Leave for it covers all of its files. */
  directoryHandle?: Readable;
}

async function isAllowed(handle: Readable): Promise<boolean> {
  const wish = { mode: 'read' } as const;
  const state = (await handle.queryPermission?.(wish)) ?? 'granted';
  return (
    state === 'granted' ||
    (state === 'prompt' && (await handle.requestPermission?.(wish)) === 'granted')
  );
}

/**
 * The same files as they are on the disk now. Must be called in a click: the browser may ask for
 * leave to read.
 * @returns null when a file came without a handle, is gone, or may not be read: then only the user
 *   can show the folder again
 */
export async function readAgain({ name, files }: PickedFolder): Promise<PickedFolder | null> {
  const fresh: PickedFolder['files'] = [];
  try {
    for (const { path, file } of files) {
      const { handle, directoryHandle } = file as File & WithHandles;
      if (!handle || !(await isAllowed(directoryHandle ?? handle))) return null;
      fresh.push({
        path,
        file: Object.assign(await handle.getFile(), { handle, directoryHandle }),
      });
    }
  } catch {
    // NotFoundError, NotAllowedError: whatever it is, the folder has to be shown again.
    return null;
  }
  return { name, files: fresh };
}
