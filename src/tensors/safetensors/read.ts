// Opens the safetensors files of a checkpoint, one or shards with an index, by their headers alone.

import { EspalierError } from '../../errors.ts';
import { isJsonObject, readJsonObject } from '../../json.ts';
import { beyondLimit, MAX_TENSORS, shortName } from '../../onnx/limits.ts';
import { type Folder, nameInWords, openFile, readText } from '../../onnx/source.ts';
import type { SafetensorsFiles, StoredTensor } from '../tensorFiles.ts';
import { corrupt, readHeader } from './header.ts';

/** Most bytes of an index; one of 140,000 tensors has 12 MB. */
const MAX_INDEX_BYTES = 64 * 2 ** 20;

/** The names that Transformers gives to shards. */
const SHARD = /^(.*)-(\d{5,})-of-(\d{5,})\.safetensors$/;

const INDEX = /\.safetensors\.index\.json$/i;

/** True for the name of an index of shards. */
const isSafetensorsIndex = (path: string): boolean => INDEX.test(path);

/** The stem, the number and the count in the name of a shard, or null for another name. */
export function shardOf(path: string): { stem: string; number: string; count: string } | null {
  const [, stem, number, count] = SHARD.exec(path) ?? [];
  return stem === undefined || number === undefined || count === undefined
    ? null
    : { stem, number, count };
}

/**
 * The files of a checkpoint. Reads headers and the index, no tensor.
 * @param path within the folder: a safetensors file, or model.safetensors.index.json. One shard of
 *   several stands for all: those that the index beside it names, or those of its name.
 * @throws EspalierError `corrupt-file` for a header or an index that the format does not allow,
 *   `missing-file` for shards that are not there, `too-large` beyond the limits,
 *   `unsupported-graph` for an element type that is not known.
 */
export async function readSafetensors(folder: Folder, path: string): Promise<SafetensorsFiles> {
  const index = indexOf(folder, path);
  const { shards, metadata } =
    index === null ? { shards: null, metadata: {} } : await readIndex(folder, index);
  const named = shards ?? new Map(siblings(folder, path).map((file) => [file, null]));
  requireThere(folder, [...named.keys()], index ?? path);
  const files: SafetensorsFiles['files'][number][] = [];
  const tensors = new Map<string, StoredTensor>();
  for (const file of [...named.keys()].sort()) {
    const read = await readHeader(openFile(folder, file), file);
    for (const tensor of read.tensors) {
      const other = tensors.get(tensor.name);
      if (other)
        throw corrupt(file, `has the tensor ${shortName(tensor.name)}, as ${other.data.file} has`);
      if (tensors.size >= MAX_TENSORS) throw beyondLimit(path, 'more tensors', MAX_TENSORS);
      tensors.set(tensor.name, tensor);
    }
    files.push(read);
  }
  if (shards && index !== null) requireListed(index, shards, tensors);
  return { format: 'safetensors', files, index, indexMetadata: metadata, tensors };
}

/** The index to read: the file itself, or that beside one shard of several. */
function indexOf(folder: Folder, path: string): string | null {
  if (isSafetensorsIndex(path)) return path;
  const shard = shardOf(path);
  const beside = shard && `${shard.stem}.safetensors.index.json`;
  return beside && folder.open(beside) ? beside : null;
}

/** All shards of the name of one; a file of another name alone. */
function siblings(folder: Folder, path: string): string[] {
  const shard = shardOf(path);
  if (!shard) return [path];
  const { stem, number, count } = shard;
  const wanted = Number(count);
  const there = folder.files.filter(({ path: other }) => {
    const its = shardOf(other);
    return its?.stem === stem && its.count === count;
  });
  if (there.length === wanted) return there.map((file) => file.path);
  const missing =
    there.length > wanted || wanted > MAX_TENSORS
      ? ''
      : Array.from(
          { length: wanted },
          (_, k) => `${stem}-${String(k + 1).padStart(number.length, '0')}-of-${count}.safetensors`,
        ).find((name) => !there.some((file) => file.path === name));
  throw new EspalierError(
    'missing-file',
    `${path} is one of ${wanted} shards, and ${there.length} of them are in ` +
      `${nameInWords(folder)}${missing ? `: ${missing} is not, for one` : ''}.`,
    'Open the whole folder of the checkpoint.',
  );
}

interface Index {
  /** The names of the tensors of each file. */
  shards: Map<string, string[] | null>;
  metadata: SafetensorsFiles['indexMetadata'];
}

async function readIndex(folder: Folder, path: string): Promise<Index> {
  openFile(folder, path); // Throws where there is none.
  const text = (await readText(folder, path, MAX_INDEX_BYTES)) ?? '';
  const read = readJsonObject(text, { max: MAX_INDEX_BYTES });
  if (!read.ok) throw corruptIndex(path, read.problem, read.detail);
  const { weight_map: map, metadata } = read.value;
  if (!isJsonObject(map) || Object.keys(map).length === 0)
    throw corruptIndex(path, 'has no weight_map, which says where each tensor is');
  const directory = path.slice(0, path.lastIndexOf('/') + 1);
  const shards = new Map<string, string[]>();
  for (const [tensor, file] of Object.entries(map)) {
    if (typeof file !== 'string' || !/^[^/\\]+\.safetensors$/i.test(file))
      throw corruptIndex(
        path,
        `says that ${shortName(tensor)} is in ${shortName(String(JSON.stringify(file)))}, which ` +
          'is no safetensors file beside it',
      );
    const shard = shards.get(directory + file);
    if (shard) shard.push(tensor);
    else shards.set(directory + file, [tensor]);
  }
  return { shards, metadata: isJsonObject(metadata) ? metadata : {} };
}

function requireThere(folder: Folder, files: readonly string[], by: string): void {
  const missing = files.filter((file) => folder.open(file) === null);
  const [first, ...more] = missing;
  if (first === undefined) return;
  throw new EspalierError(
    'missing-file',
    more.length === 0
      ? `${shortName(first)} is not in ${nameInWords(folder)}.`
      : `${missing.length} of ${files.length} files that ${by} names are not in ` +
          `${nameInWords(folder)}: ${shortName(first)}, for one.`,
    'Add what is missing and open the whole folder again.',
  );
}

/** Every tensor of the index must be in the file that it names. */
function requireListed(
  index: string,
  shards: Index['shards'],
  tensors: ReadonlyMap<string, StoredTensor>,
): void {
  for (const [file, names] of shards)
    for (const name of names ?? []) {
      const found = tensors.get(name)?.data.file;
      if (found !== file)
        throw corruptIndex(
          index,
          `says that ${shortName(name)} is in ${file}, ` +
            (found === undefined ? 'which does not have it' : `and it is in ${found}`),
        );
    }
}

function corruptIndex(path: string, problem: string, detail = ''): EspalierError {
  return new EspalierError(
    'corrupt-file',
    `${path} ${problem}.`,
    'Get the index and the shards again, all from one version of the checkpoint.',
    detail,
  );
}
