// Replaces ONNX Runtime in transformers.js by the module that the other contestants use. Load it
// after `provideOrt`.

import type { OrtModule } from '../../../src/runtime/device/ort.ts';

declare global {
  /** The module that the next import of this file hands on. */
  var espalierBenchOrt: OrtModule | undefined;
}

const chosen = globalThis.espalierBenchOrt;
if (!chosen) throw new Error('transformers.js was imported before ONNX Runtime was chosen');

export const { InferenceSession, Tensor, env } = chosen;
