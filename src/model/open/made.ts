// What the summary of a model says of a graph that was made for its tensor files.

import type { TensorFormat } from '../../tensors/tensorFiles.ts';
import { EXPORT_DTYPES, type ExportDtype } from '../export/steps.ts';
import type { ModelSummary } from './summary.ts';

export type { TensorFormat };

/** The format of the tensor files of a model; null for one that has a graph. */
export const sourceFormat = ({ layout }: Pick<ModelSummary, 'layout'>): TensorFormat | null =>
  layout === 'safetensors' || layout === 'gguf' ? layout : null;

/** The type of the weights of the graph, which ONNX files have: of the made one, where it is. */
export const graphDtype = (summary: Pick<ModelSummary, 'dtype' | 'graphDtype'>): string =>
  summary.graphDtype ?? summary.dtype;

type Stored = Pick<ModelSummary, 'layout' | 'dtype' | 'graphDtype'>;

/**
 * Whether matrices in 4 or 8 bits of tensor files become float32 before a model is written in these
 * precisions: float16 activations, and fewer bits than the files have, are made from floats.
 * @param dtypes of one folder; null keeps the weights, and then none of them is made from floats
 */
export function needsFloats(summary: Stored, dtypes: readonly (ExportDtype | null)[]): boolean {
  const stored = /^q([48])$/.exec(graphDtype(summary))?.[1];
  if (sourceFormat(summary) === null || stored === undefined) return false;
  return (
    dtypes.every((dtype) => dtype !== null) &&
    dtypes.some((dtype) => {
      const { float16, bits } = EXPORT_DTYPES[dtype];
      return float16 || (bits !== null && bits < Number(stored));
    })
  );
}

/** The type of the weights that a precision is made from. */
export const dtypeBefore = (summary: Stored, dtype: ExportDtype): string =>
  needsFloats(summary, [dtype]) ? 'fp32' : graphDtype(summary);
