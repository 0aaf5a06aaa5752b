// Opens folders for a test file; all are closed after its last test (`closeFolders.ts`).

import { type CountingFolder, nodeFolder } from '../folder.ts';

const opened: CountingFolder[] = [];

/** As `nodeFolder`. */
export async function openFolder(path: string): Promise<CountingFolder> {
  const folder = await nodeFolder(path);
  opened.push(folder);
  return folder;
}

export async function closeFolders(): Promise<void> {
  for (const folder of opened.splice(0)) await folder.close();
}
