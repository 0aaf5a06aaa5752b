// Gets the current files of a dropped or picked folder through the handles that came with them.

import { handleOf, withHandle } from './handles.ts';
import type { PickedFolder } from './pickedFolder.ts';

/** A file system handle of Chromium; the permission methods are not in TypeScript's DOM types. */
export interface Readable {
  queryPermission?: (options: { mode: 'read' }) => Promise<PermissionState>;
  requestPermission?: (options: { mode: 'read' }) => Promise<PermissionState>;
}

interface WithHandles {
  handle?: Readable & { getFile: () => Promise<File> };
  /** The folder of the file, when it was picked. Permission for it covers all of its files. */
  directoryHandle?: Readable;
}

/** True when the handle may be read; asks the user where the browser has to, in a click. */
export async function isAllowed(handle: Readable): Promise<boolean> {
  const options = { mode: 'read' } as const;
  const state = (await handle.queryPermission?.(options)) ?? 'granted';
  return (
    state === 'granted' ||
    (state === 'prompt' && (await handle.requestPermission?.(options)) === 'granted')
  );
}

/**
 * The same files as they are on the disk now. Call it while handling a click: the browser may ask
 * the user for permission to read.
 * @returns null when a file has no handle, does not exist any more, or may not be read; the user
 *   then has to choose the folder again.
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
    // NotFoundError, NotAllowedError or another: the folder has to be chosen again in any case.
    return null;
  }
  return withHandle({ name, files: fresh }, [handleOf(files)]);
}
