// Which files travel with an export, and which are named as left out.

import { expect, it } from 'vitest';
import { encodeModel } from '../../onnx/codec.ts';
import { DataType } from '../../onnx/graph.ts';
import type { Folder } from '../../onnx/source.ts';
import { inFile } from '../../onnx/testing/inFile.ts';
import { memoryFolder, modelOf } from '../../onnx/testing/text.ts';
import { sortFiles } from './files.ts';

/** Files by path with their sizes; contents only where given. */
function sized(sizes: Record<string, number | Uint8Array>): Folder {
  const given = Object.entries(sizes).filter((entry) => typeof entry[1] !== 'number');
  const folder = memoryFolder(Object.fromEntries(given) as Record<string, Uint8Array>);
  const files = Object.entries(sizes).map(([path, size]) => ({
    path,
    size: typeof size === 'number' ? size : size.length,
  }));
  return { ...folder, files };
}

const MODEL = { top: '', variants: [] };
const MB = 2 ** 20;

it('small files travel whatever they are called, weights do not', async () => {
  const travel = {
    'tokenizer.json': 100 * MB,
    'tokenizer.model': 5 * MB,
    'spiece.model': 1,
    'merges.txt': 1,
    'vocab.bin': 2 * MB,
    'vocab.data': 1,
    'training_args.bin': 5000,
    'modeling_austen.py': 1,
    LICENSE: 1,
    'images/chart.png': MB,
    'original/params.json': 1,
    'runs/events.out.tfevents.1': 1000,
  };
  const stay = {
    'pytorch_model.bin': 1,
    'pytorch_model-00001-of-00002.bin': 1,
    'adapter_model.bin': 1,
    'adapter_config.json': 1,
    'model.safetensors': 1,
    'model.safetensors.index.json': 1,
    'pytorch_model.bin.index.json': 1,
    'tf_model.h5': 1,
    'original/consolidated.00.pth': 1,
    'onnx/model_q4.onnx': 1,
    'onnx/model_q4.onnx_data': 1,
    'onnx/model_q4.onnx_data_1': 1,
    'model.onnx.data': 1,
    'rest.bin': 17 * MB,
    blob: 65 * MB,
  };
  const skip = { '.DS_Store': 1, '._tokenizer.json': 1, '__MACOSX/x': 1, '.gitattributes': 1 };
  const { copied, leftOut } = await sortFiles(
    sized({ ...travel, ...stay, ...skip, 'config.json': 1 }),
    MODEL,
    new Set(['config.json']),
    new Set(),
  );
  expect(copied.map(({ path }) => path)).toEqual(Object.keys(travel));
  expect(leftOut).toEqual(Object.keys(stay));
});

it('data of another graph stays behind under any name', async () => {
  const model = modelOf('in x f32 [64]\ninit w f32 [64]\ny = Add(x, w)\nout y f32 [64]');
  const data = { file: 'w', offset: 0, length: 256 };
  model.graph.initializers.set('w', { name: 'w', type: DataType.float, dims: [64], data });
  const other = encodeModel(
    model,
    inFile(() => ({ location: './parts/a.bin', offset: 0, length: 256 })),
  );
  const { copied, leftOut } = await sortFiles(
    sized({ 'onnx/other.onnx': other, 'onnx/parts/a.bin': 256, 'onnx/parts/b.bin': 256 }),
    MODEL,
    new Set(),
    new Set(),
  );
  expect(copied.map(({ path }) => path)).toEqual(['onnx/parts/b.bin']);
  expect(leftOut).toEqual(['onnx/other.onnx', 'onnx/parts/a.bin']);
});

it('other models of the folder are left out whole, and what is above it', async () => {
  const { copied, leftOut } = await sortFiles(
    sized({ 'a/x.txt': 1, 'a/cuda/config.json': 1, 'a/cuda/tokenizer.json': 1, 'b/y.txt': 1 }),
    { top: 'a/', variants: ['a/cuda/'] },
    new Set(),
    new Set(),
  );
  expect(copied.map(({ path }) => path)).toEqual(['a/x.txt']);
  expect(leftOut).toEqual(['cuda/']);
});
