// A GGUF model without some of its blocks: tensors renumbered and copied as byte ranges, metadata
// byte for byte but for what counts blocks or goes by their position.

import { EspalierError } from '../../../errors.ts';
import type { JsonObject } from '../../../json.ts';
import type { Bytes } from '../../../onnx/source.ts';
import type { GgufValue } from '../../../tensors/gguf/metadata.ts';
import { partPath, splitName } from '../../../tensors/gguf/read.ts';
import { encodePair, ggufFile, type WrittenGgufTensor } from '../../../tensors/gguf/write.ts';
import type { GgufFiles } from '../../../tensors/tensorFiles.ts';
import { declaredBlocks } from '../../interop/declared.ts';
import { ggufRemoval } from '../../interop/llamaCpp.ts';
import { architectureOf } from '../../make/gguf/config.ts';
import { withinTop } from '../../open/root.ts';
import type { StoredChanges, TensorFilesExport, TensorFilesSource } from './types.ts';

/** Parts of the name of a tensor in a block. */
const IN_BLOCK = /^blk\.(\d+)\.(.+)$/;

interface Part {
  file: GgufFiles['files'][number];
  tensors: WrittenGgufTensor[];
}

/**
 * The file, or the parts of a split model, with the blocks `keep` alone, renumbered in their order.
 * A part that loses all its tensors is gone, unless it is the first, which holds the metadata.
 * @param keep ascending
 * @throws EspalierError `unsupported-graph` where llama.cpp would compute another model from any
 *   file of these blocks
 */
export function prunedGguf(
  { graphPath, root, config, tensorSource }: TensorFilesSource,
  keep: readonly number[],
  changed: StoredChanges,
): TensorFilesExport {
  const { files } = tensorSource;
  if (files.format !== 'gguf') throw new EspalierError('bug', `${graphPath} is no GGUF file.`);
  const values = changedMetadata(files, config.raw.config, keep);
  const numbers = new Map(keep.map((block, at) => [String(block), at]));
  const renamed = (name: string): string | null => {
    const [, block, rest] = IN_BLOCK.exec(name) ?? [];
    if (block === undefined) return name;
    const number = numbers.get(block);
    return number === undefined ? null : `blk.${number}.${rest}`;
  };
  const parts: Part[] = files.files
    .map((file) => ({
      file,
      tensors: file.tensors.flatMap(({ name, type, shape, data }): WrittenGgufTensor[] => {
        const now = renamed(name);
        return now === null ? [] : [{ type, shape, data, ...changed.get(name), name: now }];
      }),
    }))
    .filter(({ tensors }, i) => i === 0 || tensors.length > 0);
  const count = parts.reduce((sum, { tensors }) => sum + tensors.length, 0);
  const written = parts.map(({ file, tensors }, no) => {
    const own = new Map<string, GgufValue | null>([
      ...(no === 0 ? values : []),
      ...splitValues(files, file, no, parts.length, count),
    ]);
    return {
      path: withinTop(root, pathOf(file.path, no, parts.length)),
      ...ggufFile(tensors, pairsOf(file, own), file),
    };
  });
  return { files: written, main: written[0]!.path, remarks: remarksOf(values) };
}

/** Every pair as it is in the file, or its new value; null leaves it out. New keys come last. */
function pairsOf(
  { pairs }: GgufFiles['files'][number],
  values: ReadonlyMap<string, GgufValue | null>,
): Bytes[] {
  const out: Bytes[] = [];
  for (const [key, data] of pairs) {
    const value = values.get(key);
    if (value === undefined) out.push(data);
    else if (value !== null) out.push(encodePair(key, value));
  }
  for (const [key, value] of values)
    if (value !== null && !pairs.has(key)) out.push(encodePair(key, value));
  return out;
}

/**
 * What the removal changes: the number of blocks, lists with an entry for each block, and what
 * llama.cpp would take from the position of a block.
 */
function changedMetadata(
  files: GgufFiles,
  config: JsonObject | null,
  keep: readonly number[],
): Map<string, GgufValue> {
  const arch = architectureOf(files.metadata);
  const values = new Map<string, GgufValue>();
  const countKey = `${arch}.block_count`;
  const blocks = files.metadata.get(countKey);
  if (blocks === undefined || blocks.type === 'array')
    throw new EspalierError('bug', `${countKey} is not known.`);
  const n = Number(blocks.value);
  if (keep.length === n) return values;
  const declared = declaredBlocks({ family: arch, raw: { config, genai: null } }, n);
  const { obstacle, set } = ggufRemoval({ declared, n, keep });
  if (obstacle !== null)
    throw new EspalierError(
      'unsupported-graph',
      `No GGUF file can hold this plan. ${obstacle}`,
      'Export it as ONNX, or remove other blocks.',
    );
  for (const [key, entry] of files.metadata) {
    if (!key.startsWith(`${arch}.`) || entry.type !== 'array' || entry.value.length !== n) continue;
    values.set(key, { ...entry, value: keep.map((i) => entry.value[i]!) });
  }
  const typed = typeof blocks.value === 'bigint' ? BigInt(keep.length) : keep.length;
  values.set(countKey, { type: blocks.type, value: typed });
  for (const [key, value] of Object.entries(set))
    values.set(
      key,
      typeof value === 'number'
        ? { type: 'uint32', value }
        : { type: 'array', of: 'bool', value: [...value] },
    );
  return values;
}

/** Of a split model: which part this is, of how many, and the tensors of all; null leaves out. */
function splitValues(
  { files }: GgufFiles,
  { pairs }: GgufFiles['files'][number],
  no: number,
  parts: number,
  tensors: number,
): [string, GgufValue | null][] {
  if (files.length === 1) return [];
  const values: [string, GgufValue][] = [
    ['split.no', { type: 'uint16', value: no }],
    ['split.count', { type: 'uint16', value: parts }],
    ['split.tensors.count', { type: 'int32', value: tensors }],
  ];
  if (parts === 1) return values.map(([key]) => [key, null]);
  return values.filter(([key]) => pairs.has(key));
}

/** Where a part is written: those of a split model are counted anew. */
function pathOf(path: string, no: number, parts: number): string {
  const name = splitName(path);
  if (name === null || (name.no === no && name.count === parts)) return path;
  return parts === 1 ? `${name.stem}.gguf` : partPath(name.stem, no, parts);
}

function remarksOf(values: ReadonlyMap<string, GgufValue>): string[] {
  const added = [...values.keys()].filter((key) => !key.endsWith('.block_count'));
  return added.length === 0
    ? []
    : [
        `The metadata say ${added.join(' and ')} for the blocks that are left, which llama.cpp ` +
          'would otherwise take from their position.',
      ];
}
