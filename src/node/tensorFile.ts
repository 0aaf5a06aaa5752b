// A file of tensors that is named alone, as the folder of its model: a GGUF file with its other
// parts, a safetensors file with the config and the tokenizer beside it.

import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isTensorFiles } from '../model/graphs/tensorChoices.ts';
import type { FolderFile } from '../onnx/source.ts';

/** Number and ending of a part of a split model, or the ending alone. */
const ENDING = /(-\d{5}-of-\d{5})?\.(safetensors(\.index\.json)?|gguf)$/i;
/** Graphs and weights, which make models of their own. */
const WEIGHTS = /\.(onnx|onnx[._]data(_\d+)?|bin|pt|pth|gguf|safetensors(\.index\.json)?)$/i;

/** A folder that is shown of a disk. */
export interface Shown {
  root: string;
  /** Null: that of the folder. */
  name: string | null;
  files: (FolderFile & { isLink: boolean })[];
}

/** What belongs to a file of tensors; null for another file. @throws as `readdir` */
export async function besideTensors(path: string): Promise<Shown | null> {
  const name = basename(path);
  if (!isTensorFiles(name)) return null;
  const root = dirname(path);
  const isGguf = /\.gguf$/i.test(name);
  const files: Shown['files'] = [];
  for (const entry of (await readdir(root, { withFileTypes: true })).sort(byName)) {
    const belongs = isSameModel(name, entry.name) || !(isGguf || WEIGHTS.test(entry.name));
    if (!belongs || entry.name.startsWith('.')) continue;
    const info = await stat(join(root, entry.name)).catch(() => null);
    if (info?.isFile())
      files.push({ path: entry.name, size: info.size, isLink: entry.isSymbolicLink() });
  }
  return { root, name: isGguf ? name : null, files };
}

const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : 1);

/** The file itself, the other parts of a split model, and their index. */
function isSameModel(name: string, other: string): boolean {
  if (other === name) return true;
  const isParted = (file: string): boolean => /-\d{5}-of-\d{5}\.|\.index\.json$/i.test(file);
  if (!isParted(name) || !isParted(other) || !ENDING.test(other)) return false;
  return name.replace(ENDING, '') === other.replace(ENDING, '');
}
