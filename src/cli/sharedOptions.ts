// Options that several commands share, each declared once.

import { availableParallelism } from 'node:os';
import { EXPORT_FORMATS } from '../model/export/formats.ts';
import type { Argument, Options, Values } from './options.ts';

export const FOLDER: Argument = { value: 'folder', help: 'the model folder' };

export const COMMON_OPTIONS = {
  model: {
    type: 'text',
    value: 'graph',
    help:
      'graph or tensor files inside the folder, such as onnx/model.onnx; needed where there are ' +
      'several',
  },
  json: { type: 'text', value: 'file', help: 'write the result as JSON; - is standard output' },
} as const satisfies Options;

/** More threads than cores gain nothing, and thousands of them take all memory. */
const MOST_THREADS = Math.max(64, availableParallelism());

/** Of commands that run the model. */
export const RUN_OPTIONS = {
  device: {
    type: 'choice',
    value: 'name',
    choices: ['cpu', 'wasm', 'webgpu'],
    help:
      'what runs the model: native ONNX Runtime (cpu), ONNX Runtime Web (wasm) or a GPU; by ' +
      'default cpu where the package onnxruntime-node is installed, else wasm',
  },
  threads: {
    type: 'whole',
    min: 1,
    max: MOST_THREADS,
    value: 'n',
    help: 'threads of cpu and wasm; by default one for each core, and one of wasm',
  },
} as const satisfies Options;

export type RunValues = Values<typeof RUN_OPTIONS>;

/** Of commands that write a model that may have come as tensor files. */
export const FORMAT_OPTIONS = {
  format: {
    type: 'choice',
    value: 'name',
    choices: EXPORT_FORMATS,
    help:
      'format of the export: that of the source, which is the default without --dtype, or onnx ' +
      'for transformers.js and onnxruntime-genai',
  },
  kit: {
    type: 'flag',
    help:
      'beside a checkpoint in safetensors, write the kit that trains it further: settings for ' +
      'distributed engines, a check, what it costs',
  },
} as const satisfies Options;

/** Of commands that stream weights. */
export const BUDGET_OPTIONS = {
  budget: {
    type: 'megabytes',
    value: 'MB',
    help: 'memory that scoring may take; by default 70 % of what the device has',
  },
} as const satisfies Options;

/** Of commands that compare the original with a plan. */
export const PLAN_OPTIONS = {
  remove: {
    type: 'units',
    value: 'units',
    help: 'units to remove (the plan), such as 3,7.attn,9.ffn,12-14',
  },
} as const satisfies Options;

/** Of commands that run the model on windows or segments of a text. */
export const BOS_OPTIONS = {
  bos: {
    type: 'choice',
    value: 'name',
    choices: ['none', 'every'],
    help: 'whether the BOS token opens a sequence; by default as the tokenizer does',
  },
} as const satisfies Options;

/** Of commands that run the model on calibration windows. */
export const CALIBRATION_OPTIONS = {
  text: { type: 'text', value: 'file', help: 'plain text to take calibration windows from' },
  windows: {
    type: 'text',
    value: 'json',
    help: 'JSON file with windows as rows of token ids, in place of --text',
  },
  samples: { type: 'whole', min: 1, default: 10, value: 'n', help: 'number of windows' },
  length: { type: 'whole', min: 2, default: 128, value: 'tokens', help: 'length of a window' },
  sampler: {
    type: 'choice',
    value: 'name',
    choices: ['even', 'random'],
    default: 'even',
    help: 'where windows begin in the text',
  },
  seed: { type: 'whole', min: 0, default: 0, value: 'n', help: 'seed of the random sampler' },
  ...BOS_OPTIONS,
} as const satisfies Options;
