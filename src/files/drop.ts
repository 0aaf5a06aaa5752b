// Reads what was dropped on the page as one folder with paths.

import { fromEvent } from 'file-selector';
import { handlesOf, withHandle } from './handles.ts';
import { asFolder, type PickedFolder } from './pickedFolder.ts';

/**
 * Reads the files and folders of a drop. Call it in the drop event: browsers empty the list of
 * items once the handler returns or awaits.
 * @returns null when no file was dropped (a link, a text selection); no files for an empty folder,
 *   and for one whose files are links, which browsers do not show.
 */
export async function readDrop(data: DataTransfer): Promise<PickedFolder | null> {
  const names = [...data.items].flatMap((item) => item.webkitGetAsEntry?.()?.name ?? []);
  const isFile = [...data.items].some(({ kind }) => kind === 'file');
  const handles = handlesOf(data);
  const found = await fromEvent({ type: 'drop', dataTransfer: data });
  const files = found.flatMap((item) => ('path' in item ? [{ path: item.path, file: item }] : []));
  const empty = isFile ? { name: names[0] ?? 'that was dropped', files: [] } : null;
  return withHandle(asFolder(files, 'dropped files'), await handles) ?? empty;
}
