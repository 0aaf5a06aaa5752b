// What the writers of files of named tensors give and take: safetensors and GGUF in, the same
// format out.

import type { Bytes, Folder } from '../../../onnx/source.ts';
import type { TensorFiles } from '../../../tensors/tensorFiles.ts';
import type { TensorSource } from '../../make/weights.ts';
import type { ModelRoot } from '../../open/root.ts';
import type { ModelConfig } from '../../structure/config.ts';
import type { ManifestFile } from '../graphFiles.ts';

/** What stands in the file in place of the stored values of a tensor. Its shape stays. */
export interface StoredChange {
  /** Type of its elements or blocks in the words of the format: "BF16", "F32", "Q8_0". */
  type: string;
  /** As the file has them, rows first: after the inverse of what the graph needed. */
  data: Bytes;
}

/**
 * By the name of the tensor in the files of the source. Tensors of blocks that are removed may be
 * among them: they are passed over.
 */
export type StoredChanges = ReadonlyMap<string, StoredChange>;

/**
 * The files that hold the tensors of an export, and of GGUF its metadata: headers in memory, the
 * tensors as byte ranges of the source or as changed bytes. Nothing else of the folder: configs,
 * tokenizer, README and espalier.json are added to them.
 */
export interface TensorFilesExport {
  /** Paths within the export, from the top of the model. */
  files: ManifestFile[];
  /** Path of the file by which the export is opened: the index of shards, else the first file. */
  main: string;
  /** What else changed, as sentences for the README. */
  remarks: string[];
}

/** What a writer needs of an opened model. */
export interface TensorFilesSource {
  folder: Folder;
  /** Path by which the tensor files were opened, within the folder. */
  graphPath: string;
  root: ModelRoot;
  config: Pick<ModelConfig, 'raw'>;
  tensorSource: TensorSource;
}

/**
 * The tensor files with the blocks `keep` alone, renumbered in their order.
 * @param keep ascending
 * @throws EspalierError `unsupported-graph` for files whose blocks cannot be told
 */
export type WriteTensorFiles = (
  source: TensorFilesSource,
  keep: readonly number[],
  changed: StoredChanges,
) => TensorFilesExport;

/** Paths within the folder of the tensor files and of their index. */
export function tensorPaths(files: TensorFiles): string[] {
  const index = files.format === 'safetensors' ? files.index : null;
  return [...files.files.map(({ path }) => path), ...(index === null ? [] : [index])];
}
