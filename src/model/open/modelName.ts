// What a model is called by the folders it lies in. Reads no file, so that the page can use it too.

import type { Folder } from '../../onnx/source.ts';

/** The name of the model in the folder `top`; of a download cache, that of the repository. */
export function modelName(folder: Pick<Folder, 'name'>, top: string): string {
  const steps = [folder.name, ...top.split('/').filter(Boolean)];
  return repositoryName(steps) ?? steps.at(-1) ?? folder.name;
}

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
