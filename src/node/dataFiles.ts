// Data files of the local disk, by the names of files and folders; folders are searched downwards.

import { existsSync } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { EspalierError } from '../errors.ts';
import { type CountingFolder, folderOfFile, nodeFolder } from './folder.ts';
import { fsError } from './fsError.ts';

/** A file that is read by ranges. */
interface DataFile {
  /** As it was named, or below the folder that was; with the folder that it lies in. */
  path: string;
  size: number;
  /** @throws EspalierError `missing-file`, `corrupt-file` */
  read(from: number, to: number): Promise<Uint8Array>;
}

export interface DataFiles {
  files: DataFile[];
  close(): Promise<void>;
}

/**
 * The files behind names, each once, whatever they hold. Beside a file `<name>.jsonl` that is named
 * itself comes `<name>-labels.lst`.
 * @throws EspalierError `missing-file` naming what is not there; `bad-input` where there is no
 *   permission, and for a pipe or a device
 */
export async function dataFiles(names: readonly string[]): Promise<DataFiles> {
  const folders: CountingFolder[] = [];
  const found = new Map<string, DataFile>();
  const close = async (): Promise<void> => {
    for (const folder of folders) await folder.close();
  };
  const add = async (folder: CountingFolder, shown: string, root: string): Promise<void> => {
    folders.push(folder);
    for (const { path, size } of folder.files) {
      const real = await realpath(join(root, path)).catch(() => join(root, path));
      const source = folder.open(path);
      if (found.has(real) || !source) continue;
      found.set(real, {
        path: shown === '' ? path : `${shown}/${path}`,
        size,
        read: (from, to) => source.read(from, to - from),
      });
    }
  };
  try {
    for (const name of names) {
      const info = await stat(name).catch((error: unknown) => {
        throw fsError(error, `${name} cannot be read`);
      });
      if (!info.isDirectory() && !info.isFile())
        throw new EspalierError(
          'bad-input',
          `${name} is neither a file nor a folder, so that it cannot be read by parts.`,
          'Write what it gives to a file, and name that.',
        );
      if (info.isDirectory()) await add(await nodeFolder(name), withFolder(name), resolve(name));
      else
        for (const file of await withLabels(name))
          await add(await folderOfFile(file), withFolder(dirname(file)), dirname(resolve(file)));
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { files: [...found.values()], close };
}

/**
 * Names with commas between them; a name that has a comma itself is taken as a whole where there is
 * such a file or folder.
 * @throws EspalierError `missing-file` naming what is not there
 */
export function splitNames(text: string): string[] {
  const parts = text.split(',');
  const names: string[] = [];
  for (let at = 0; at < parts.length; ) {
    let end = parts.length;
    while (end > at + 1 && !existsSync(parts.slice(at, end).join(',').trim())) end--;
    const name = parts.slice(at, end).join(',').trim();
    if (name !== '' && !existsSync(name))
      throw new EspalierError(
        'missing-file',
        `There is no file or folder ${name}.`,
        'Name files and folders that exist, with commas between them.',
      );
    if (name !== '') names.push(name);
    at = end;
  }
  return names;
}

/** A folder as it was named; one that has no name of its own ("." or "..") by its own. */
function withFolder(name: string): string {
  const plain = name.split(sep).join('/').replace(/\/+$/, '');
  return /(^|\/)\.{0,2}$/.test(plain) ? basename(resolve(name)) : plain;
}

async function withLabels(file: string): Promise<string[]> {
  const labels = /^(.+)\.jsonl$/i.exec(basename(file))?.[1];
  if (labels === undefined) return [file];
  const beside = await readdir(dirname(file)).catch(() => []);
  const wanted = `${labels}-labels.lst`.toLowerCase();
  return [
    file,
    ...beside
      .filter((name) => name.toLowerCase() === wanted)
      .map((name) => join(dirname(file), name)),
  ];
}
