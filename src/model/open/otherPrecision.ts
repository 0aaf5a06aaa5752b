// Whether two graphs of a folder are one model in two precisions, by their names.

import { DTYPE_SUFFIX } from '../export/names.ts';

/** True for graphs whose paths differ in their precision alone. */
export function isOtherPrecision(path: string, of: string): boolean {
  return path !== of && withoutPrecision(path) === withoutPrecision(of);
}

const withoutPrecision = (path: string): string =>
  path.replace(/\.onnx$/i, '').replace(DTYPE_SUFFIX, '');
