// The files of a source folder that an export copies and those that it leaves out, by name and
// size.

import type { FolderFile } from '../../onnx/source.ts';
import { PROVENANCE_FILE } from './provenance.ts';

/** Files of weights, ours or of another framework. */
const WEIGHTS =
  /\.(onnx|onnx[._]data(_\d+)?|ort|data(_\d+)?|bin|safetensors|pt|pth|h5|msgpack|gguf|tflite|weight)$/i;

/** Documentation and tokenizers are far smaller; anything above this is taken for weights. */
const COPY_LIMIT_BYTES = 64 * 2 ** 20;

/** Version control and caches of download tools. */
const HOUSEKEEPING =
  /(^|\/)(\.git|\.cache|\.huggingface|\.DS_Store|\.gitattributes|Thumbs\.db)(\/|$)/;

export interface SortedFiles {
  /** Copied as they are. */
  copied: FolderFile[];
  /** Other graphs and weights, which the export does not have. */
  leftOut: string[];
}

/**
 * @param replaced paths that the export writes anew: graph, its data files, configs.
 * @param along weights that the model needs as they are.
 */
export function sortFiles(
  files: readonly FolderFile[],
  replaced: ReadonlySet<string>,
  along: ReadonlySet<string>,
): SortedFiles {
  const copied: FolderFile[] = [];
  const leftOut: string[] = [];
  for (const file of files) {
    if (replaced.has(file.path) || file.path === PROVENANCE_FILE || HOUSEKEEPING.test(file.path))
      continue;
    if (along.has(file.path)) copied.push(file);
    else if (WEIGHTS.test(file.path) || file.size > COPY_LIMIT_BYTES) leftOut.push(file.path);
    else copied.push(file);
  }
  return { copied, leftOut };
}
