// The name suggested for a pruned folder.

import type { ExportDtype } from '../../model/export/steps.ts';
import { nameOfFiles, withoutExtension } from '../../model/open/modelName.ts';
import type { ModelSummary } from '../../model/open/summary.ts';
import { blocksLeft, sublayerUnits, type Unit } from '../../units.ts';

/**
 * "austen-12-of-16", "austen-15-of-16-less-1-sublayer-healed-fp16", of tensor files that become
 * ONNX "austen-12-of-16-onnx-q4": a name for the folder.
 */
export function suggestName(
  summary: ModelSummary,
  removed: readonly Unit[],
  dtype: ExportDtype | null = null,
  healed = false,
  converted = false,
): string {
  const { numBlocks } = summary;
  const sublayers = sublayerUnits(removed).length;
  const less = sublayers > 0 ? `-less-${sublayers}-sublayer${sublayers === 1 ? '' : 's'}` : '';
  const written = dtype === null ? '' : `-${dtype}`;
  // Beside the checkpoint that it was made of.
  const onnx = converted ? '-onnx' : '';
  const how = healed ? '-healed' : '';
  const left = `${blocksLeft(numBlocks, removed)}-of-${numBlocks}`;
  return `${folderBase(summary)}-${left}${less}${how}${onnx}${written}`;
}

/** The name of the model without what folders should not be called. */
export function folderBase({ name, graph, layout }: ModelSummary): string {
  // Of several GGUF files in a folder each has a name of its own.
  const own = layout === 'gguf' ? (nameOfFiles([graph]) ?? name) : withoutExtension(name);
  return own.replace(/[^\p{L}\p{N}._-]+/gu, '-').replace(/^[-.]+|[-.]+$/g, '') || 'model';
}
