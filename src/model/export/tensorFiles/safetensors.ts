// The safetensors files of a checkpoint without some of its blocks: headers written anew, tensors
// copied as byte ranges, shards and their index kept.

import { EspalierError } from '../../../errors.ts';
import { elementsOf } from '../../../tensors/safetensors/dtypes.ts';
import { shardOf } from '../../../tensors/safetensors/read.ts';
import { safetensorsFile, type WrittenTensor } from '../../../tensors/safetensors/write.ts';
import type { SafetensorsFiles } from '../../../tensors/tensorFiles.ts';
import { blockOf, decoderPlace } from '../../make/names/safetensors.ts';
import { unreadTensors } from '../../make/unread.ts';
import { withinTop } from '../../open/root.ts';
import { encode, whole } from '../graphFiles.ts';
import type { StoredChanges, TensorFilesExport, TensorFilesSource } from './types.ts';

interface Shard {
  /** Path within the export. */
  path: string;
  metadata: Readonly<Record<string, string>>;
  tensors: WrittenTensor[];
}

/**
 * The files with the blocks `keep` alone, renumbered in their order. A shard that loses all its
 * tensors is gone, and the others are numbered anew; the index lists what there is.
 * @param keep ascending
 * @throws EspalierError `unsupported-graph` for files whose blocks cannot be told
 */
export function prunedSafetensors(
  { graphPath, root, config, tensorSource }: TensorFilesSource,
  keep: readonly number[],
  changed: StoredChanges,
): TensorFilesExport {
  const { files } = tensorSource;
  if (files.format !== 'safetensors')
    throw new EspalierError('bug', `${graphPath} is no safetensors file.`);
  const { blocks } = decoderPlace(files.tensors, config.raw.config ?? {});
  const numbers = new Map(keep.map((block, at) => [block, at]));
  const renamed = (name: string): string | null => {
    const place = blockOf(name, blocks);
    if (!place) return name;
    const number = numbers.get(place.block);
    return number === undefined ? null : `${blocks}${number}.${place.rest}`;
  };
  const unread = unreadTensors(tensorSource);
  const shards = numberedAnew(
    files.files
      .map(({ path, metadata, tensors }) => ({
        path: withinTop(root, path),
        metadata,
        tensors: inFileOrder(tensors).flatMap(({ name, type, shape, data }): WrittenTensor[] => {
          const now = unread.has(name) ? null : renamed(name);
          return now === null ? [] : [{ type, shape, data, ...changed.get(name), name: now }];
        }),
      }))
      .filter(({ tensors }) => tensors.length > 0),
  );
  const written = shards.map(({ path, metadata, tensors }) => ({
    path,
    ...safetensorsFile(tensors, metadata),
  }));
  const index = indexPath(files, shards, (path) => withinTop(root, path));
  const remarks = [...unread].map(
    (name) =>
      `${name} is left out: by config.json the head is the embedding, and Transformers neither ` +
      'reads nor writes another.',
  );
  if (index === null) return { files: written, main: shards[0]?.path ?? '', remarks };
  const text = indexText(files, shards);
  return { files: [...written, whole(index, encode(text))], main: index, remarks };
}

/** As their bytes lie in the file, which the header need not follow. */
const inFileOrder = (
  tensors: SafetensorsFiles['files'][number]['tensors'],
): SafetensorsFiles['files'][number]['tensors'] =>
  [...tensors].sort((a, b) => a.data.offset - b.data.offset || a.data.length - b.data.length);

/** Shards under the names that Transformers gives to so many. */
function numberedAnew(shards: Shard[]): Shard[] {
  return shards.map((shard, k) => {
    const named = shardOf(shard.path);
    if (!named || Number(named.count) === shards.length) return shard;
    const digits = (n: number): string => String(n).padStart(named.count.length, '0');
    const path = `${named.stem}-${digits(k + 1)}-of-${digits(shards.length)}.safetensors`;
    return { ...shard, path };
  });
}

/** Where the index is; shards that had none get one, without which Transformers loads none. */
function indexPath(
  { index }: SafetensorsFiles,
  shards: readonly Shard[],
  within: (path: string) => string,
): string | null {
  if (index !== null) return within(index);
  const stem = shards.length > 1 ? shardOf(shards[0]!.path)?.stem : undefined;
  return stem === undefined ? null : `${stem}.safetensors.index.json`;
}

function indexText(files: SafetensorsFiles, shards: readonly Shard[]): string {
  const all = shards.flatMap(({ path, tensors }) =>
    tensors.map((tensor) => ({ ...tensor, file: path.slice(path.lastIndexOf('/') + 1) })),
  );
  const { total_parameters: parameters } = files.indexMetadata;
  const gone =
    sum([...files.tensors.values()], ({ shape }) => elementsOf(shape)) -
    sum(all, ({ shape }) => elementsOf(shape));
  const index = {
    metadata: {
      ...files.indexMetadata,
      ...(typeof parameters === 'number' ? { total_parameters: parameters - gone } : {}),
      total_size: sum(all, ({ data }) => data.length),
    },
    weight_map: Object.fromEntries(
      all.map(({ name, file }) => [name, file]).sort(([a = ''], [b = '']) => (a < b ? -1 : 1)),
    ),
  };
  return `${JSON.stringify(index, null, 2)}\n`;
}

const sum = <T>(list: readonly T[], of: (item: T) => number): number =>
  list.reduce((total, item) => total + of(item), 0);
