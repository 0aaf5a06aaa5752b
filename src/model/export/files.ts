// The files of a source folder that an export copies and those that it leaves out: weights by
// their name, by their size, or because a graph names them; other models whole.

import { decodeModel } from '../../onnx/codec.ts';
import { joinPath } from '../../onnx/external.ts';
import { SELF_LOCATION, skimModel } from '../../onnx/skim.ts';
import type { Folder, FolderFile } from '../../onnx/source.ts';
import { isClutter } from '../open/clutter.ts';
import type { ModelRoot } from '../open/root.ts';
import { PROVENANCE_FILE } from './provenance.ts';

/** Graphs, and their data under the names that exporters give it. */
const GRAPHS = /\.(onnx|onnx[._]data(_\d+)?|ort)$/i;

/** Weights of other frameworks, by their format or by the name under which they are saved. */
const FOREIGN = [
  /\.(safetensors|pt|pth|ckpt|h5|msgpack|gguf|ggml|tflite|mlmodel|npz)$/i,
  /(^|\/)(pytorch|tf|flax|adapter|openvino|diffusion|rust)?_?model[^/]*\.(bin|data)$/i,
  /(^|\/)consolidated[^/]*$/i,
  // What says where they are: without them Transformers would look for them, or for the model that
  // an adapter belongs to.
  /\.(safetensors|bin|h5|msgpack)\.index\.json$/i,
  /(^|\/)adapter_config\.json$/i,
];

/** Names of weights, of vocabularies and of much else. */
const AMBIGUOUS = /\.(bin|data(_\d+)?|weights?|raw|dat)$/i;
/** Vocabularies and settings are smaller, weights worth their own file larger. */
const AMBIGUOUS_LIMIT_BYTES = 16 * 2 ** 20;

/** Text is no weights, whatever its size. */
const TEXT = /\.(json|jsonl|txt|jinja|md|py|tiktoken|ya?ml)$/i;
/** Documentation and tokenizers are far smaller; anything above this is taken for weights. */
const COPY_LIMIT_BYTES = 64 * 2 ** 20;

/** Other graphs that are read at most; folders of all precisions have some ten. */
const MAX_GRAPHS = 32;

export interface SortedFiles {
  /** Copied as they are; paths of the source. */
  copied: FolderFile[];
  /** Other graphs and weights, which the export does not have; whole folders end with a slash. */
  leftOut: string[];
}

/**
 * What of the model's folder is copied. Reads the other graphs of the folder only where a name
 * alone does not tell whose file it is.
 * @param replaced paths that the export writes anew: graph, its data files, configs.
 * @param along weights that the model needs as they are.
 */
export async function sortFiles(
  folder: Folder,
  { top, variants }: Pick<ModelRoot, 'top' | 'variants'>,
  replaced: ReadonlySet<string>,
  along: ReadonlySet<string> = new Set(),
): Promise<SortedFiles> {
  const copied: FolderFile[] = [];
  const leftOut: string[] = [...variants];
  let data: Promise<ReadonlySet<string>> | null = null;
  for (const file of folder.files) {
    const { path, size } = file;
    if (!path.startsWith(top) || variants.some((at) => path.startsWith(at))) continue;
    if (replaced.has(path) || path === top + PROVENANCE_FILE || isClutter(path)) continue;
    if (along.has(path)) {
      copied.push(file);
      continue;
    }
    const isNamed = GRAPHS.test(path) || FOREIGN.some((name) => name.test(path));
    const limit = AMBIGUOUS.test(path) ? AMBIGUOUS_LIMIT_BYTES : COPY_LIMIT_BYTES;
    const isLarge = size > limit && !TEXT.test(path);
    if (!isNamed && !isLarge && AMBIGUOUS.test(path))
      data ??= dataOfGraphs(folder, (other) => other.startsWith(top) && !replaced.has(other));
    if (isNamed || isLarge || (AMBIGUOUS.test(path) && (await data)?.has(path))) leftOut.push(path);
    else copied.push(file);
  }
  return { copied, leftOut: leftOut.map((path) => path.slice(top.length)) };
}

/** The files in which graphs keep their weights; a graph that cannot be read names none. */
async function dataOfGraphs(
  folder: Folder,
  counts: (path: string) => boolean,
): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  const graphs = folder.files.filter(({ path }) => /\.onnx$/i.test(path) && counts(path));
  for (const { path } of graphs.slice(0, MAX_GRAPHS)) {
    const source = folder.open(path);
    if (!source) continue;
    try {
      decodeModel(
        await skimModel(source, path),
        ({ location, offset }) => {
          const file = location === SELF_LOCATION ? path : joinPath(path, location);
          found.add(file);
          return { file, offset, length: 0 };
        },
        path,
      );
    } catch {
      // Its files are then judged by name and size alone.
    }
  }
  return found;
}
