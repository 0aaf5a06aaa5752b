// GGUF files in memory without some of their blocks, for tests.

import { guardedFolder } from '../../../../onnx/testing/hostile.ts';
import { readGguf } from '../../../../tensors/gguf/read.ts';
import { ggufConfig } from '../../../make/gguf/config.ts';
import { manifestSource } from '../../folder.ts';
import { prunedGguf } from '../gguf.ts';
import type { StoredChanges } from '../types.ts';

/** The files that are written, as bytes, the first of them and what is said of them. */
export async function prunedFiles(
  files: Readonly<Record<string, Uint8Array>>,
  path: string,
  keep: readonly number[],
  changed: StoredChanges = new Map(),
): Promise<{ files: Record<string, Uint8Array<ArrayBuffer>>; main: string; remarks: string[] }> {
  const folder = guardedFolder(files);
  const opened = await readGguf(folder, path);
  const source = {
    folder,
    graphPath: path,
    root: { folder, top: '', configs: [], variants: [] },
    config: { raw: { config: ggufConfig(opened), genai: null } },
    tensorSource: { files: opened, named: new Map(), bindings: new Map() },
  };
  const { files: parts, main, remarks } = prunedGguf(source, keep, changed);
  const written: Record<string, Uint8Array<ArrayBuffer>> = {};
  for (const part of parts)
    written[part.path] = await manifestSource(part, folder).read(0, part.size);
  return { files: written, main, remarks };
}
