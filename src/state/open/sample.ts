// The model that ships with the page: its files and their sizes, so that opening it asks only for
// the bytes it needs.

import type { FolderSource } from '../../contract/open.ts';

/** Kept equal to public/sample by a test. */
export const SAMPLE_FILES: readonly { path: string; size: number }[] = [
  { path: 'config.json', size: 811 },
  { path: 'generation_config.json', size: 132 },
  { path: 'onnx/model.onnx', size: 106273 },
  { path: 'onnx/model.onnx_data', size: 12124160 },
  { path: 'onnx/model_q4.onnx', size: 136027 },
  { path: 'onnx/model_q4.onnx_data', size: 1949696 },
  { path: 'special_tokens_map.json', size: 72 },
  { path: 'tokenizer.json', size: 57983 },
  { path: 'tokenizer_config.json', size: 748 },
];

/** `base` is the address of the page: the site may live under any path. */
export function sampleSource(base: string): { source: FolderSource; graph: string } {
  const baseUrl = new URL('sample/', base).href;
  return {
    source: { kind: 'hosted', name: 'sample', baseUrl, files: [...SAMPLE_FILES] },
    graph: 'onnx/model.onnx',
  };
}
