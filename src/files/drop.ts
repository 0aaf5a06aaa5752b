// What was dropped on the page, as one folder with paths; must be called within the drop event.

import { fromEvent } from 'file-selector';
import { asFolder, type PickedFolder } from './pickedFolder.ts';

/**
 * Reads the files and folders of a drop. The list of items is taken before the first wait, since
 * browsers empty it afterwards.
 * @returns null when nothing readable was dropped (a link, a text selection)
 */
export async function readDrop(data: DataTransfer): Promise<PickedFolder | null> {
  const found = await fromEvent({ type: 'drop', dataTransfer: data });
  const files = found.flatMap((item) => ('path' in item ? [{ path: item.path, file: item }] : []));
  return asFolder(files, 'dropped files');
}
