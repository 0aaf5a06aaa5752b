// File names that say in which precision a graph is written; must not look at the graph.

import { DTYPE_SUFFIX } from '../open/open.ts';
import { type StepChoice, stepOf } from './steps.ts';

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
