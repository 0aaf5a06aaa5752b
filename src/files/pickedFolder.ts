// Puts dropped or picked files in order: one folder name, paths inside it; must not open a file.

/** Files with their paths inside the folder that was dropped or picked. */
export interface PickedFolder {
  name: string;
  files: { path: string; file: File }[];
}

/** Folders that hold no part of a model. */
const SKIP = new Set(['.git', 'node_modules', '__MACOSX', '.cache']);
/** Files that systems leave in folders. */
const LITTER = new Set(['.DS_Store', 'Thumbs.db', 'desktop.ini']);

/** True for a folder that is not worth entering. */
export function skipFolder(name: string): boolean {
  return SKIP.has(name);
}

function normal(path: string): string[] {
  return path.split('/').filter((step) => step !== '' && step !== '.');
}

/**
 * One folder out of files with their paths: a first folder that all share becomes its name and
 * leaves the paths.
 * @param fallbackName name when the files lie loose
 * @returns null when there are no files
 */
export function asFolder(
  files: readonly { path: string; file: File }[],
  fallbackName: string,
): PickedFolder | null {
  const kept = files
    .map(({ path, file }) => ({ steps: normal(path), file }))
    .filter(({ steps }) => !steps.slice(0, -1).some(skipFolder) && !LITTER.has(steps.at(-1) ?? ''));
  if (kept.length === 0) return null;
  const root = kept[0]!.steps[0]!;
  const shared = kept.every(({ steps }) => steps.length > 1 && steps[0] === root);
  const inside = kept
    .map(({ steps, file }) => ({ path: (shared ? steps.slice(1) : steps).join('/'), file }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  return {
    name: shared ? root : inside.length === 1 ? inside[0]!.path : fallbackName,
    files: inside,
  };
}
