// The formats in which a model can be written: ONNX, or the files of named tensors that it came in.

import type { TensorFormat } from '../../tensors/tensorFiles.ts';
import { sublayerUnits, type Unit } from '../../units.ts';
import { dtypeOf, type ExportDtype, type StepChoice, widthOf } from './steps.ts';

export const EXPORT_FORMATS = ['onnx', 'safetensors', 'gguf'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** As they are called in sentences. */
export const FORMAT_NAMES: Readonly<Record<ExportFormat, string>> = {
  onnx: 'ONNX',
  safetensors: 'safetensors',
  gguf: 'GGUF',
};

/**
 * The format where none is asked for: that of the source, ONNX where a precision or a width is
 * chosen.
 * @param precisions the steps of each
 */
export function defaultFormat(
  source: TensorFormat | null,
  precisions: readonly (readonly StepChoice[])[],
): ExportFormat {
  const isKept = precisions.every((steps) => dtypeOf(steps) === null && !widthOf(steps));
  return source && isKept ? source : 'onnx';
}

/**
 * Why a model cannot be written in a format, with what can be done, or null.
 * @param source of the model; null: an ONNX graph
 * @param removed units that the export removes
 * @param dtypes precisions other than the source's that it shall have
 */
export function formatObstacle(
  format: ExportFormat,
  source: TensorFormat | null,
  removed: readonly Unit[],
  dtypes: readonly ExportDtype[],
): { message: string; hint: string } | null {
  const [name, came] = [FORMAT_NAMES[format], FORMAT_NAMES[source ?? 'onnx']];
  if (format === 'onnx') return null;
  if (source !== format)
    return {
      message: `The model came as ${came} and cannot be written as ${name}.`,
      hint: source
        ? `Write it as ${came} or as ONNX.`
        : 'Write it as ONNX, or open the checkpoint that the graph was made of.',
    };
  const [dtype] = dtypes;
  if (dtype !== undefined)
    return {
      message: `${name} is written in the precision of the source, not as ${dtype}.`,
      hint: 'Leave the precision as it is, or write the model as ONNX.',
    };
  const [part] = sublayerUnits(removed);
  if (part !== undefined)
    return {
      message:
        `${name} has whole blocks only: a block without one of its sublayers (${part}) cannot be ` +
        'said in it.',
      hint: 'Remove whole blocks, or write the model as ONNX.',
    };
  return null;
}
