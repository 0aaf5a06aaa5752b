// Opens the tensor files of a model without a graph, with the config and the tokenizer that say
// what they mean. Reads headers and metadata, no weights.

import { EspalierError } from '../../errors.ts';
import type { JsonObject } from '../../json.ts';
import type { Folder } from '../../onnx/source.ts';
import type { GgufMetadata } from '../../tensors/gguf/metadata.ts';
import { readGguf, splitName } from '../../tensors/gguf/read.ts';
import { readSafetensors } from '../../tensors/safetensors/read.ts';
import type { TensorFiles } from '../../tensors/tensorFiles.ts';
import { ggufConfig } from '../make/gguf/config.ts';
import { ggufNames } from '../make/gguf/names.ts';
import { readRopeFactors } from '../make/gguf/rope.ts';
import { ggufTokenizer } from '../make/gguf/tokenizer.ts';
import { safetensorsNames } from '../make/names/safetensors.ts';
import type { NamedTensor } from '../make/weights.ts';
import { readConfig } from '../structure/config.ts';
import { findRoot } from './root.ts';
import type { Problem } from './summary.ts';
import { withMadeFiles } from './tensors/madeFiles.ts';
import { requirePlainCheckpoint, textConfig } from './tensors/refusals.ts';

/** Tensor files with what a graph is made from. */
export interface OpenedTensorFiles {
  /**
   * The folder that was opened. Beside a GGUF file it has the config, the tokenizer and the
   * settings of generation that are made of its metadata (`Folder.made`).
   */
  folder: Folder;
  files: TensorFiles;
  /** config.json of the text model alone, in the words of Transformers. */
  config: JsonObject;
  /** The tensors of the text model by the names of Transformers. */
  named: ReadonlyMap<string, NamedTensor>;
  /** What could not be taken over, such as a tokenizer that has no counterpart. */
  problems: Problem[];
}

/**
 * Opens the tensor files at a path: `model.safetensors`, `model.safetensors.index.json`, a `.gguf`
 * or the first part of a split one.
 * @throws EspalierError `missing-file`, `corrupt-file`, `too-large`; `unsupported-graph` naming the
 *   format, the type or the family that is not read.
 */
export const openTensorSource = (folder: Folder, path: string): Promise<OpenedTensorFiles> =>
  /\.gguf$/i.test(path) ? openGguf(folder, path) : openSafetensors(folder, path);

async function openSafetensors(folder: Folder, path: string): Promise<OpenedTensorFiles> {
  const root = await findRoot(folder, path);
  const { raw } = await readConfig(root.folder);
  if (raw.config === null)
    throw new EspalierError(
      'missing-file',
      `There is no config.json beside ${path}, which says what model its tensors are.`,
      'Open the whole folder of the checkpoint, with config.json and the tokenizer in it.',
    );
  requirePlainCheckpoint(raw.config, root.folder);
  const config = textConfig(raw.config);
  const files = await readSafetensors(folder, path);
  return { folder, files, config, named: safetensorsNames(files, config), problems: [] };
}

async function openGguf(folder: Folder, path: string): Promise<OpenedTensorFiles> {
  const files = await readGguf(folder, path);
  const config = ggufConfig(files, await readRopeFactors(folder, files));
  const named = ggufNames(files, config);
  const at = path.slice(0, path.lastIndexOf('/') + 1);
  const texts = new Map([['config.json', json(config)]]);
  if (folder.open(`${at}generation_config.json`) === null)
    texts.set('generation_config.json', json(generationConfig(files.metadata)));
  const problems: Problem[] = [];
  // A tokenizer beside the file is one that somebody put there for it.
  if (folder.open(`${at}tokenizer.json`) === null) {
    const { files: tokenizer, problem } = tokenizerOf(files.metadata);
    for (const [name, text] of Object.entries(tokenizer)) texts.set(name, text);
    if (problem) problems.push(problem);
  }
  const made = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const [name, text] of texts) made.set(at + name, new TextEncoder().encode(text));
  return { folder: asFolder(withMadeFiles(folder, made), path), files, config, named, problems };
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

/** The tokenizer files, or why there are none: blocks can be removed without. */
function tokenizerOf(metadata: GgufMetadata): {
  files: Readonly<Record<string, string>>;
  problem?: Problem;
} {
  try {
    return { files: ggufTokenizer(metadata) };
  } catch (error) {
    if (!(error instanceof EspalierError)) throw error;
    const message = [error.message, error.hint].join(' ').trim();
    return { files: {}, problem: { code: 'gguf-tokenizer', message } };
  }
}

/** Ids at which generation starts and ends. */
function generationConfig(metadata: GgufMetadata): JsonObject {
  const id = (key: string): number | undefined => {
    const value = metadata.get(`tokenizer.ggml.${key}_token_id`)?.value;
    return typeof value === 'number' ? value : undefined;
  };
  const ends = [...new Set([id('eos'), id('eot'), id('eom')])].filter((end) => end !== undefined);
  const [bos, pad] = [id('bos'), id('padding')];
  return {
    ...(bos === undefined ? {} : { bos_token_id: bos }),
    ...(ends.length === 0 ? {} : { eos_token_id: ends.length > 1 ? ends : ends[0] }),
    ...(pad === undefined ? {} : { pad_token_id: pad }),
  };
}

/** A single file gives its model its name. */
function asFolder(folder: Folder, path: string): Folder {
  const stem = splitName(folder.name)?.stem;
  if (folder.name !== path && (stem === undefined || stem !== splitName(path)?.stem)) return folder;
  const name = path.replace(/(-\d{5}-of-\d{5})?\.gguf$/i, '');
  return { ...folder, name, what: folder.what ?? `the file ${path}` };
}
