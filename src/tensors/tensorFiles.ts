// Files of named tensors without a graph, safetensors and GGUF, as their headers describe them.

import type { ByteRange } from '../onnx/source.ts';
import type { GgufMetadata } from './gguf/metadata.ts';

/** A tensor as the header of its file describes it. */
export interface StoredTensor {
  /** The name in the file. */
  name: string;
  /** Type of its elements or blocks in the words of the format: "BF16", "F32", "Q4_0". */
  type: string;
  /** Rows first, as in PyTorch; the dimensions of a GGUF file are in reverse. */
  shape: readonly number[];
  data: ByteRange;
}

/** One file: a header, then tensors. */
export interface TensorFile {
  /** Path within the folder. */
  path: string;
  /** Where the data of the tensors begins. */
  dataStart: number;
  /** In the order of the header. */
  tensors: readonly StoredTensor[];
}

/** The safetensors files of a checkpoint: one, or shards with an index. */
export interface SafetensorsFiles {
  format: 'safetensors';
  /** In the order of their names. */
  files: readonly (TensorFile & {
    /** `__metadata__` of the header; empty without one. */
    metadata: Readonly<Record<string, string>>;
  })[];
  /** Path of model.safetensors.index.json; null where there is none. */
  index: string | null;
  /** `metadata` of the index; empty without one. */
  indexMetadata: Readonly<Record<string, unknown>>;
  /** Of all files, by name. */
  tensors: ReadonlyMap<string, StoredTensor>;
}

/** A GGUF model: one file, or the parts of a split one. */
export interface GgufFiles {
  format: 'gguf';
  /** In the order of the parts. */
  files: readonly (TensorFile & {
    version: number;
    alignment: number;
    /** Where each key with its value is in the header, in the order of the file. */
    pairs: ReadonlyMap<string, ByteRange>;
  })[];
  /** Of the first file. */
  metadata: GgufMetadata;
  /** Of all files, by name. */
  tensors: ReadonlyMap<string, StoredTensor>;
}

export type TensorFiles = SafetensorsFiles | GgufFiles;
export type TensorFormat = TensorFiles['format'];
export const TENSOR_FORMATS: readonly TensorFormat[] = ['safetensors', 'gguf'];
