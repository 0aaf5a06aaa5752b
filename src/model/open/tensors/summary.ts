// What the summary of a model without a graph says of its files: format, types of the weights,
// bytes as they are stored.

import type { Folder } from '../../../onnx/source.ts';
import type { StoredTensor, TensorFiles } from '../../../tensors/tensorFiles.ts';
import type { TensorSource } from '../../make/weights.ts';
import type { ModelConfig } from '../../structure/config.ts';
import type { ModelSummary } from '../summary.ts';

/** Types of safetensors by the names that the page has for them. */
const DTYPES: Readonly<Record<string, string>> = { F32: 'fp32', F16: 'fp16', BF16: 'bf16' };

/**
 * What `general.file_type` calls most of the tensors of a GGUF file.
 * @source github.com/ggml-org/llama.cpp, include/llama.h, enum llama_ftype
 */
const GGUF_FILE_TYPES: Readonly<Record<number, string>> = {
  0: 'f32',
  1: 'f16',
  2: 'q4_0',
  3: 'q4_1',
  7: 'q8_0',
  8: 'q5_0',
  9: 'q5_1',
  10: 'q2_k',
  11: 'q3_k_s',
  12: 'q3_k_m',
  13: 'q3_k_l',
  14: 'q4_k_s',
  15: 'q4_k_m',
  16: 'q5_k_s',
  17: 'q5_k_m',
  18: 'q6_k',
  32: 'bf16',
};

/** Format, exporter, type of the weights and bytes of the files. */
export function tensorFacts(
  folder: Folder,
  { raw }: Pick<ModelConfig, 'raw'>,
  { files, named }: Pick<TensorSource, 'files' | 'named'>,
): Pick<ModelSummary, 'layout' | 'exporter' | 'dtype' | 'bytes'> {
  const paths = files.files.map(({ path }) => path);
  const version = raw.config?.transformers_version;
  return {
    layout: files.format,
    exporter:
      files.format === 'gguf'
        ? `GGUF version ${files.files[0]?.version}`
        : ['Transformers', typeof version === 'string' ? version : ''].filter(Boolean).join(' '),
    dtype: dtypeOf(
      files,
      [...named.values()].map(({ stored }) => stored),
    ),
    bytes: paths.reduce((sum, path) => sum + (folder.open(path)?.size ?? 0), 0),
  };
}

function dtypeOf(files: TensorFiles, tensors: readonly StoredTensor[]): string {
  if (files.format === 'gguf') {
    const type = files.metadata.get('general.file_type')?.value;
    const known = typeof type === 'number' ? GGUF_FILE_TYPES[type] : undefined;
    if (known !== undefined) return known;
  }
  const bytes = new Map<string, number>();
  for (const { type, data } of tensors) bytes.set(type, (bytes.get(type) ?? 0) + data.length);
  const [most] = [...bytes].sort((a, b) => b[1] - a[1])[0] ?? [];
  return most === undefined ? 'unknown' : (DTYPES[most] ?? most.toLowerCase());
}

/**
 * Bytes of the files without a block less: of all, and of the entries of each block in the headers,
 * with the padding between its tensors.
 */
export function storedEntries(
  { files, named }: Pick<TensorSource, 'files' | 'named'>,
  numBlocks: number,
): number[] {
  const entries = Array<number>(numBlocks).fill(0);
  for (const { block, stored } of named.values())
    if (block !== null && entries[block] !== undefined)
      entries[block] +=
        files.format === 'gguf' ? ggufEntry(stored, files) : safetensorsEntry(stored);
  return entries;
}

function safetensorsEntry({ name, type, shape, data }: StoredTensor): number {
  const offsets = [data.offset, data.offset + data.length];
  return JSON.stringify({ [name]: { dtype: type, shape, data_offsets: offsets } }).length - 1;
}

/** Name, dimensions, type and offset, then the padding after the data. */
function ggufEntry(
  { name, shape, data }: StoredTensor,
  { files }: TensorFiles & { format: 'gguf' },
): number {
  const alignment = files[0]?.alignment ?? 1;
  const padding = (alignment - (data.length % alignment)) % alignment;
  return 8 + new TextEncoder().encode(name).length + 4 + 8 * shape.length + 4 + 8 + padding;
}
