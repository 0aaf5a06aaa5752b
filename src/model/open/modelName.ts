// What a model is called by the folders it lies in. Reads no file, so that the page can use it too.

import type { Folder } from '../../onnx/source.ts';

/** The name of the model in the folder `top`; of a download cache, that of the repository. */
export function modelName(folder: Pick<Folder, 'name'>, top: string): string {
  const steps = [folder.name, ...top.split('/').filter(Boolean)];
  return repositoryName(steps) ?? steps.at(-1) ?? folder.name;
}

/** Of several files of one model: 00002-of-00003. */
const PART = /-\d{5}-of-\d{5}(?=\.\w+$)/;

/**
 * The name of files that came without a folder, by the one model among them: a GGUF file, whole or
 * in parts. Null where there are none or several.
 */
export function nameOfFiles(paths: readonly string[]): string | null {
  const names = new Set(
    paths
      .filter((path) => /\.gguf$/i.test(path))
      .map((path) => path.slice(path.lastIndexOf('/') + 1).replace(PART, '')),
  );
  const [only] = names;
  return names.size === 1 && only !== undefined ? withoutExtension(only) : null;
}

/** The name of a model that lies in one file, without what says which kind of file it is. */
export const withoutExtension = (name: string): string =>
  name.replace(/\.(gguf|safetensors|onnx|zip)$/i, '');

/** `name` for .../models--owner--name/snapshots/<hash> and what holds it; null for others. */
export function repositoryName(steps: readonly string[]): string | null {
  const at = steps.findLastIndex((step) => CACHED.test(step));
  const isSnapshot = steps[at + 1] === 'snapshots' && steps.length === at + 3;
  return at >= 0 && (isSnapshot || steps.length === at + 1)
    ? (steps[at]?.split('--').at(-1) ?? null)
    : null;
}

/** Folder of one repository in a download cache of Hugging Face. */
const CACHED = /^models--[^/]+$/;
