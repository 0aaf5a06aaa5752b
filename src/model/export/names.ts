// File names of graphs by precision: model.onnx, model_fp16.onnx, ...

import { type StepChoice, stepOf } from './steps.ts';

/** Suffixes by which exporters name precisions: model_q4f16.onnx. */
export const DTYPE_SUFFIX =
  /[_.-](fp32|fp16|bf16|int8|uint8|int4|uint4|q2|q4|q8|q4f16|q8f16|q2f16|bnb4|quantized)$/;

/** The precision that the steps write in, as file names have it; null where the source's stays. */
export function writtenDtype(steps: readonly StepChoice[]): string | null {
  return steps.map((choice) => stepOf(choice).suffix).findLast((name) => name !== null) ?? null;
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
  const suffix = writtenDtype(steps);
  if (!suffix || genai) return graphPath;
  const stem = graphPath.replace(/\.onnx$/i, '').replace(DTYPE_SUFFIX, '');
  return `${stem}_${suffix}.onnx`;
}
