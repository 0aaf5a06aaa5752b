// Opens folders for a test file and closes them after its last test.

import { afterAll } from 'vitest';
import { type CountingFolder, nodeFolder } from '../folder.ts';

const opened: CountingFolder[] = [];
afterAll(async () => {
  for (const folder of opened) await folder.close();
});

/** As `nodeFolder`. */
export async function openFolder(path: string): Promise<CountingFolder> {
  const folder = await nodeFolder(path);
  opened.push(folder);
  return folder;
}
