// Finds the folder that a graph belongs to: where its config, tokenizer and templates are, how much
// of what was opened is the same model, and which folders inside it are other models.

import type { Folder, FolderFile } from '../../onnx/source.ts';
import { loaderOf } from '../export/usage.ts';
import { interpretConfig, readConfigFile } from '../structure/config.ts';
import { modelName } from './modelName.ts';

/** Files by which a folder is the root of a model. */
const CONFIG_FILES = ['config.json', 'genai_config.json'] as const;

const CHECKPOINT = /\.safetensors(\.index\.json)?$/i;

/** Files that describe how text becomes tokens; they are only right together. */
const TEXT_FILES =
  /^(tokenizer|special_tokens|added_tokens|(additional_)?chat_templates?|vocab|merges)/;

/** What a graph belongs to. Folders are prefixes of paths: '' or 'cpu/fp32/'. */
export interface ModelRoot {
  /**
   * Config, tokenizer and templates under their own names (`config.json`), each from the nearest
   * folder that has it. The text files all come from one folder. Its name is that of the model.
   */
  folder: Folder;
  /** The topmost folder of the model; an export holds what is in it. */
  top: string;
  /** Paths of the configs between the graph and `top`, nearest first. */
  configs: string[];
  /** Folders below `top` with a config and a graph or weights of their own: other models. */
  variants: string[];
}

/** A graph, the folder that was opened, and what of it is the model. */
export interface ModelPlace {
  folder: Folder;
  graphPath: string;
  root: ModelRoot;
}

/**
 * The root of the model of a graph. The nearest folder with a config at or above the graph counts
 * first; folders above it belong to the same model as long as they have a config that does not
 * declare another number of layers. Those above a checkpoint do not: it has all it needs beside
 * it, and a training leaves checkpoints in folders below its result. Reads the configs only.
 * @param others paths of further files of the model, which the root holds too.
 */
export async function findRoot(
  folder: Folder,
  graphPath: string,
  others: readonly string[] = [],
): Promise<ModelRoot> {
  const paths = new Set(folder.files.map(({ path }) => path));
  const above = foldersAbove(graphPath).filter((at) => hasConfig(paths, at));
  const withConfig = CHECKPOINT.test(graphPath) ? above.slice(0, 1) : above;
  const own: string[] = [];
  let layers: number | null = null;
  for (const at of withConfig) {
    const declared = await declaredLayers(folder, at);
    if (layers !== null && declared !== null && declared !== layers) break;
    layers ??= declared;
    own.push(at);
  }
  let top = own.at(-1) ?? topByName(paths, graphPath);
  while (others.some((path) => !path.startsWith(top))) top = top.replace(/[^/]*\/$/, '');
  const order = [...own, ...foldersAbove(graphPath).filter((at) => !own.includes(at))].filter(
    (at) => at.startsWith(top),
  );
  return {
    folder: rootFolder(folder, top, order, paths),
    top,
    configs: own.flatMap((at) =>
      CONFIG_FILES.map((name) => at + name).filter((path) => paths.has(path)),
    ),
    variants: variantsBelow(folder.files, paths, top, graphPath),
  };
}

/**
 * True when ONNX Runtime GenAI alone loads the model; a graph in onnx/ with a config.json above it
 * is for transformers.js, whatever else loads it.
 * @param graph path within the model
 */
export const isGenai = ({ folder }: Pick<ModelRoot, 'folder'>, graph: string): boolean =>
  loaderOf((path) => folder.open(path) !== null, graph) === 'genai';

/** The topmost folder of the model of a graph by the names of files alone. */
export function topByName(paths: ReadonlySet<string>, graphPath: string): string {
  const above = foldersAbove(graphPath);
  return (
    above.findLast((at) => hasConfig(paths, at)) ??
    above.find((at) => paths.has(`${at}tokenizer.json`)) ??
    ''
  );
}

/** A path within the folder `top` as it is relative to it. */
export const withinTop = ({ top }: Pick<ModelRoot, 'top'>, path: string): string =>
  path.startsWith(top) ? path.slice(top.length) : path;

/** Folders deeper than this are not looked at on the way up; real models lie ten deep. */
const MAX_STEPS = 32;

/** Folders at or above a file, the nearest first, down to ''. */
function foldersAbove(path: string): string[] {
  const steps = path.split('/', MAX_STEPS + 1).slice(0, -1);
  return steps.map((_, k) => `${steps.slice(0, steps.length - k).join('/')}/`).concat('');
}

/** True where a config says that a folder is the root of a model. */
export const hasConfig = (paths: ReadonlySet<string>, at: string): boolean =>
  CONFIG_FILES.some((name) => paths.has(at + name));

/** Null when no config of the folder says it, or none can be read. */
async function declaredLayers(folder: Folder, at: string): Promise<number | null> {
  const [config, genai] = await Promise.all(
    CONFIG_FILES.map((name) => readConfigFile(folder, at + name)),
  );
  return interpretConfig(config ?? null, genai ?? null).layers;
}

/** @param order folders of the model, those that count first first. */
function rootFolder(
  folder: Folder,
  top: string,
  order: readonly string[],
  paths: ReadonlySet<string>,
): Folder {
  const has = (name: string) => (at: string) => paths.has(at + name);
  const text =
    order.find(has('tokenizer.json')) ?? order.find(has('tokenizer_config.json')) ?? order[0] ?? '';
  const find = (name: string): string | null => {
    const home = TEXT_FILES.test(name) ? text : order.find(has(name));
    return home !== undefined && paths.has(home + name) ? home + name : null;
  };
  const files = folder.files.flatMap(({ path, size }): FolderFile[] => {
    const home = order.find((at) => path.startsWith(at) && find(path.slice(at.length)) === path);
    return home === undefined ? [] : [{ path: path.slice(home.length), size }];
  });
  return {
    ...(folder.what === undefined ? {} : { what: folder.what }),
    name: modelName(folder, top),
    files,
    open(name) {
      const path = find(name);
      return path === null ? null : folder.open(path);
    },
  };
}

/** Folders below `top`, outermost first, that have a config and a model but not this one. */
function variantsBelow(
  files: readonly FolderFile[],
  paths: ReadonlySet<string>,
  top: string,
  graphPath: string,
): string[] {
  const found = new Set<string>();
  for (const { path } of files) {
    if (!path.startsWith(top) || !/\.(onnx|safetensors)$/i.test(path)) continue;
    const variant = foldersAbove(path).findLast(
      (at) => at.length > top.length && hasConfig(paths, at) && !graphPath.startsWith(at),
    );
    if (variant !== undefined) found.add(variant);
  }
  return [...found].sort();
}
