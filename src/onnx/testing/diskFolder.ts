// A folder of the disk in memory, for tests of graphs that exporters wrote.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { memoryFolder } from './text.ts';

/** Every file below `root`, read at once; `read.bytes` counts what is asked of them. */
export function diskFolder(root: string): ReturnType<typeof memoryFolder> {
  const entries = readdirSync(root, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path): [string, Uint8Array] => [
      path.slice(root.length + 1).replaceAll('\\', '/'),
      readFileSync(path),
    ]);
  return memoryFolder(Object.fromEntries(files));
}
