// The browser's pickers: a folder to read, a folder or a zip file to write. They return null when
// the user cancels.

import { directoryOpen, fileOpen } from 'browser-fs-access';
import { isCancelled } from '../errors.ts';
import { isClutterFolder } from '../model/open/clutter.ts';
import { withHandle } from './handles.ts';
import { asFolder, type PickedFolder } from './pickedFolder.ts';

/** Pickers of Chromium that are missing from TypeScript's DOM types. */
interface Pickers {
  showDirectoryPicker?: (options: {
    id: string;
    mode: 'read' | 'readwrite';
  }) => Promise<FileSystemDirectoryHandle>;
  showSaveFilePicker?: (options: {
    id: string;
    suggestedName: string;
    types: { description: string; accept: Record<string, string[]> }[];
  }) => Promise<FileSystemFileHandle>;
}

const pickers = (): Pickers => globalThis as Pickers;

async function unlessCancelled<T>(picked: Promise<T>): Promise<T | null> {
  try {
    return await picked;
  } catch (error) {
    if (isCancelled(error)) return null;
    throw error;
  }
}

/**
 * A model folder to read, chosen in the folder picker or, where there is none, through a file input
 * with `webkitdirectory`.
 */
export async function pickFolder(): Promise<PickedFolder | null> {
  const found = await unlessCancelled(
    directoryOpen({
      recursive: true,
      id: 'espalier-open',
      mode: 'read',
      skipDirectory: ({ name }) => isClutterFolder(name),
    }),
  );
  const files = (found ?? []).flatMap((file) =>
    file instanceof File ? [{ path: file.webkitRelativePath || file.name, file }] : [],
  );
  // An empty folder comes back as its handle instead of files, or as nothing.
  const [first] = (found ?? []) as readonly { name: string }[];
  const name = first && !(first instanceof File) ? first.name : 'that was chosen';
  const empty = found === null ? null : { name, files: [] };
  return withHandle(asFolder(files, 'picked files'), [rootOf(files)]) ?? empty;
}

const KINDS = {
  /** What a model can be without its folder, and a zip of one. */
  models: { description: 'Models', extensions: ['.gguf', '.safetensors', '.onnx', '.zip'] },
  /** What rows of tasks are published as. */
  tasks: { description: 'Tasks', extensions: ['.jsonl', '.parquet', '.json', '.lst'] },
} as const;

/**
 * Files to read, chosen in the file picker: a GGUF file or its parts, a zip of a model folder; or
 * the files of tasks. An input that knows no such extension would offer none of them, so it offers
 * all files.
 */
export async function pickFiles(of: keyof typeof KINDS = 'models'): Promise<PickedFolder | null> {
  const { description, extensions: known } = KINDS[of];
  const extensions = 'showOpenFilePicker' in globalThis ? [...known] : [];
  const options = { id: `espalier-${of}`, description, extensions };
  const found = (await unlessCancelled(fileOpen({ ...options, multiple: true }))) ?? [];
  const files = found.map((file) => ({ path: file.name, file }));
  return withHandle(
    asFolder(files, 'picked files'),
    found.map(({ handle }) => handle),
  );
}

/** The handle of the folder that was picked, as the files that lie directly in it know it. */
function rootOf(files: readonly { path: string; file: File }[]): FileSystemHandle | null {
  const top = files.find(({ path }) => path.split('/').length === 2);
  const { directoryHandle } = (top?.file ?? {}) as { directoryHandle?: FileSystemHandle };
  return directoryHandle ?? null;
}

/** False where the browser cannot write into a folder. */
export function canSaveFolder(): boolean {
  return typeof pickers().showDirectoryPicker === 'function';
}

/** The folder to write an export into, with permission to write. */
export async function pickSaveFolder(): Promise<FileSystemDirectoryHandle | null> {
  const show = pickers().showDirectoryPicker;
  return show ? await unlessCancelled(show({ id: 'espalier-save', mode: 'readwrite' })) : null;
}

/** False where the browser cannot stream into a file; a zip is then built as a Blob. */
export function canSaveFile(): boolean {
  return typeof pickers().showSaveFilePicker === 'function';
}

/** The zip file to write an export into. */
export async function pickZipFile(suggestedName: string): Promise<FileSystemFileHandle | null> {
  const show = pickers().showSaveFilePicker;
  const types = [{ description: 'Zip archive', accept: { 'application/zip': ['.zip'] } }];
  return show ? await unlessCancelled(show({ id: 'espalier-zip', suggestedName, types })) : null;
}
