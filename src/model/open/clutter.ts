// Files and folders that systems and tools leave beside a model; they are passed over wherever a
// folder or a zip is read.

/** Version control, packages, caches of download tools, what macOS puts into a zip. */
const FOLDERS: ReadonlySet<string> = new Set([
  '.git',
  'node_modules',
  '.cache',
  '.huggingface',
  '__MACOSX',
]);
const FILES: ReadonlySet<string> = new Set([
  '.git',
  '.gitattributes',
  '.ds_store',
  'thumbs.db',
  'desktop.ini',
]);

/** True for a folder that is not entered. */
export const isClutterFolder = (name: string): boolean => FOLDERS.has(name);

/** True for a file that is part of no model; `._name` holds what macOS knows of a file. */
export const isClutterFile = (name: string): boolean =>
  name.startsWith('._') || FILES.has(name.toLowerCase());

/** True for a path that a folder does not list. */
export function isClutter(path: string): boolean {
  const steps = path.split('/');
  return steps.slice(0, -1).some(isClutterFolder) || isClutterFile(steps.at(-1) ?? '');
}
