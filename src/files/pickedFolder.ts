// Makes one folder, with a name and relative paths, out of dropped or picked files.

import { isClutterFile, isClutterFolder } from '../model/open/clutter.ts';
import { nameOfFiles } from '../model/open/modelName.ts';

/** A dropped or picked folder: files with their paths relative to it. */
export interface PickedFolder {
  name: string;
  /** Names of the folders among what was dropped at once; absent for one folder or one file. */
  folders?: string[];
  files: { path: string; file: File }[];
}

function stepsOf(path: string): string[] {
  return path.split('/').filter((step) => step !== '' && step !== '.');
}

/**
 * Makes a folder of files with paths. A top folder that all paths share becomes its name and is
 * removed from the paths; a single file gives its own name.
 * @param fallbackName name of several files without a common folder.
 * @returns null when there are no files.
 */
export function asFolder(
  files: readonly { path: string; file: File }[],
  fallbackName: string,
): PickedFolder | null {
  const kept = files
    .map(({ path, file }) => ({ steps: stepsOf(path), file }))
    .filter(
      // Whoever picks a folder by its name means it: only what is inside is passed over.
      ({ steps }) =>
        !steps.slice(1, -1).some(isClutterFolder) &&
        !(steps.length > 1 && steps[0] === '__MACOSX') &&
        !isClutterFile(steps.at(-1) ?? ''),
    );
  if (kept.length === 0) return null;
  const root = kept[0]!.steps[0]!;
  const shared = kept.every(({ steps }) => steps.length > 1 && steps[0] === root);
  const inside = kept
    .map(({ steps, file }) => ({ path: (shared ? steps.slice(1) : steps).join('/'), file }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  const paths = inside.map(({ path }) => path);
  const ownName = paths.length === 1 ? paths[0]! : (nameOfFiles(paths) ?? fallbackName);
  if (shared || inside.length === 1) return { name: shared ? root : ownName, files: inside };
  const tops = kept.flatMap(({ steps }) => (steps.length > 1 ? steps.slice(0, 1) : []));
  return { name: ownName, folders: [...new Set(tops)].sort(), files: inside };
}
