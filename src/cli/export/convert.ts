// `convert`: writes the model of a checkpoint or a GGUF file as ONNX, and checks what was written.

import { defineCommand } from '../command.ts';
import type { Options } from '../options.ts';
import { FOLDER } from '../sharedOptions.ts';
import { PRUNE_OPTIONS, writePruned } from './prune.ts';

const { remove: _, 'all-graphs': __, format: ___, kit: ____, ...OPTIONS } = PRUNE_OPTIONS;

export const convert = defineCommand({
  summary: 'write a checkpoint or a GGUF file as ONNX and verify it',
  about:
    'The graph is made for the tensors of the files. The folder that is written is loaded by ' +
    'transformers.js and by onnxruntime-genai. Precisions of few bits are quantised last, and ' +
    'measured on --text and --evaluate before they are written.',
  argument: FOLDER,
  options: OPTIONS satisfies Options,
  examples: [
    'checkpoint --out checkpoint-onnx',
    'model.gguf --dtype q4f16 --text public/text/calibration.txt --out model-onnx',
  ],
  run: (path, values, given) =>
    writePruned(
      path,
      { ...values, remove: [], 'all-graphs': false, kit: false, format: 'onnx' },
      given,
      true,
    ),
});
