// Which tensor files of a folder are models of their own: checkpoints in safetensors, one file or
// shards with an index, and GGUF files, single or split. By names and the declared type of the
// weights; reads no header.

import type { Folder, FolderFile } from '../../onnx/source.ts';
import { hasConfig, topByName } from '../open/root.ts';
import type { GraphChoice } from '../open/summary.ts';
import { readConfigFile } from '../structure/config.ts';

const INDEX = /\.safetensors\.index\.json$/i;
const SAFETENSORS = /\.safetensors$/i;
const GGUF = /\.gguf$/i;
/** One of several files of a checkpoint or of a split GGUF model: 00002-of-00003. */
const PART = /-(\d{5})-of-(\d{5})\.(safetensors|gguf)$/i;

/** True for the path of tensor files: safetensors, an index of shards, GGUF. */
export const isTensorFiles = (path: string): boolean =>
  SAFETENSORS.test(path) || INDEX.test(path) || GGUF.test(path);

/**
 * Tensor files that are no language model by themselves: adapters, the layout of a maker's own
 * code, states of a training; image encoders, data for quantising, vocabularies.
 */
const NO_MODEL =
  /^(adapter|pytorch_lora|consolidated|optimizer|scheduler|diffusion)[_.-].*safetensors/i;
const NO_GGUF_MODEL = /(^|[-_.])(mmproj|imatrix)[-_.]|^ggml-vocab-/i;

/** The number of a part, or null for a file that is whole. */
const partOf = (path: string): number | null => {
  const [, number] = PART.exec(path) ?? [];
  return number === undefined ? null : Number(number);
};

/** Types of weights by the names that PyTorch has for them. */
const DTYPES: Readonly<Record<string, string>> = {
  float32: 'fp32',
  float16: 'fp16',
  bfloat16: 'bf16',
};

/** How GGUF files name the types of their weights: Q4_K_M, IQ2_XS, BF16. */
const GGUF_TYPE = /[-_.](I?Q\d[A-Z0-9_]*|B?F16|F32|MXFP4)$/i;

/**
 * True for the tensor files by whose path a model is opened: of several parts the index or the
 * first one. By names alone; hidden files are none.
 * @param paths of all files of the folder
 */
export function isTensorChoice(path: string, paths: ReadonlySet<string>): boolean {
  if (!isTensorFiles(path) || path.split('/').some((part) => part.startsWith('.'))) return false;
  if ((GGUF.test(path) ? NO_GGUF_MODEL : NO_MODEL).test(nameOf(path))) return false;
  const part = partOf(path);
  return part === null || (part === 1 && !paths.has(indexBeside(path)));
}

/** Tensor files of a folder that can be opened as a model, one entry each. */
export async function tensorChoices(folder: Folder): Promise<GraphChoice[]> {
  const paths = new Set(folder.files.map(({ path }) => path));
  const found: GraphChoice[] = [];
  for (const { path } of folder.files) {
    if (!isTensorChoice(path, paths)) continue;
    const name = nameOf(path);
    const files = tensorFilesOf(folder.files, path);
    const model = modelOf(paths, path);
    found.push({
      path,
      model,
      dtype: GGUF.test(path) ? typeByName(name) : await declaredType(folder, model),
      bytes: files.reduce((sum, { size }) => sum + size, 0),
      format: GGUF.test(path) ? 'gguf' : 'safetensors',
    });
  }
  return found;
}

/**
 * The folder of the model that tensor files are of. A GGUF file needs no config beside it: among
 * other models it is one by itself, and no part of the folder that holds them all.
 */
function modelOf(paths: ReadonlySet<string>, path: string): string {
  const top = topByName(paths, path);
  const isByItself = top === '' && GGUF.test(path) && !hasConfig(paths, top);
  const isAmongModels = [...paths].some((other) => hasConfig(paths, folderOf(other)));
  return isByItself && isAmongModels ? folderOf(path) : top;
}

const folderOf = (path: string): string => path.slice(0, path.lastIndexOf('/') + 1);

/**
 * The files that hold the tensors of a choice, by their names: the shards beside an index, the
 * parts of a split GGUF model or of a checkpoint without an index, else the file alone.
 */
function tensorFilesOf(files: readonly FolderFile[], path: string): FolderFile[] {
  const isPart = partOf(path) !== null;
  if (!INDEX.test(path) && !isPart) return files.filter((file) => file.path === path);
  const stem = path.replace(isPart ? PART : INDEX, '');
  const ending = GGUF.test(path) ? GGUF : SAFETENSORS;
  return files.filter(
    (file) =>
      file.path.startsWith(`${stem}-`) &&
      ending.test(file.path) &&
      PART.exec(file.path)?.index === stem.length,
  );
}

/** The index that lists a shard, where there is one. */
const indexBeside = (shard: string): string => shard.replace(PART, '.safetensors.index.json');

const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

function typeByName(name: string): string {
  const stem = name.replace(PART, '').replace(GGUF, '');
  return GGUF_TYPE.exec(stem)?.[1]?.toLowerCase() ?? '';
}

async function declaredType(folder: Folder, model: string): Promise<string> {
  const config = await readConfigFile(folder, `${model}config.json`);
  const type = config?.dtype ?? config?.torch_dtype;
  return typeof type === 'string' ? (DTYPES[type] ?? '') : '';
}
