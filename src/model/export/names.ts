// File names of graphs: of those that are made for tensor files, and by precision (model.onnx,
// model_fp16.onnx, ...).

import type { TensorSource } from '../make/weights.ts';
import { type ModelRoot, withinTop } from '../open/root.ts';
import { dtypeOf, type ExportDtype, type StepChoice } from './steps.ts';

/** Suffixes by which exporters name precisions: model_q4f16.onnx. */
export const DTYPE_SUFFIX =
  /[_.-](fp32|fp16|bf16|int8|uint8|int4|uint4|q2|q4|q8|q4f16|q8f16|q2f16|bnb4|quantized)$/;

/**
 * Suffix of each written precision, where it is not its name: transformers.js looks for q8 there.
 * @source @huggingface/transformers, src/utils/dtypes.js, DEFAULT_DTYPE_SUFFIX_MAPPING
 */
const SUFFIXES: Partial<Record<ExportDtype, string>> = { q8: 'quantized' };

/** Where a graph that was made for tensor files is written: as transformers.js looks for it. */
const MADE_GRAPH = 'onnx/model.onnx';

/**
 * Path of a decoder graph from the top of its model; of one that no file has, where it is written.
 * @param path of the graph within the folder
 */
export function graphWithin(
  { root, tensorSource }: { root: ModelRoot; tensorSource: TensorSource | null },
  path: string,
): string {
  return tensorSource ? MADE_GRAPH : withinTop(root, path);
}

/**
 * Path of the written graph: onnx/model.onnx in float16 is onnx/model_fp16.onnx, as transformers.js
 * looks for it. ONNX Runtime GenAI reads the name from its config: it stays.
 */
export function exportedGraph(
  graphPath: string,
  steps: readonly StepChoice[],
  genai: boolean,
): string {
  const dtype = dtypeOf(steps);
  if (!dtype || genai) return graphPath;
  const stem = graphPath.replace(/\.onnx$/i, '').replace(DTYPE_SUFFIX, '');
  return `${stem}_${SUFFIXES[dtype] ?? dtype}.onnx`;
}
