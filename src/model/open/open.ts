// Opens a model folder: lists its graphs, reads one and finds its blocks, without reading weights.

import { EspalierError } from '../../errors.ts';
import { readModel } from '../../onnx/read.ts';
import { type Folder, nameInWords } from '../../onnx/source.ts';
import { DTYPE_SUFFIX } from '../export/names.ts';
import { findBlocks } from '../structure/blocks.ts';
import { type ModelConfig, readConfig } from '../structure/config.ts';
import { graphNames } from '../structure/roles.ts';
import type { Structure } from '../structure/structure.ts';
import { noGraph } from './noGraph.ts';
import { summarize } from './summarize.ts';
import type { GraphChoice, ModelSummary } from './summary.ts';

/** A model whose structure is known. */
export interface OpenedModel {
  folder: Folder;
  /** Path of the graph file within the folder. */
  graphPath: string;
  structure: Structure;
  config: ModelConfig;
  summary: ModelSummary;
}

/**
 * The ONNX files of a folder of any layout, shortest path first. `dtype` is taken from the name;
 * the real one is known once the graph is opened.
 */
export function listGraphs(folder: Folder): GraphChoice[] {
  const graphs = folder.files.filter(
    (f) =>
      f.path.toLowerCase().endsWith('.onnx') &&
      !f.path.split('/').some((part) => part.startsWith('.')),
  );
  return graphs
    .map(({ path, size }) => ({
      path,
      dtype: dtypeOfName(path),
      bytes: folder.files.reduce((n, f) => n + (isDataOf(f.path, path) ? f.size : 0), size),
    }))
    .sort((a, b) => a.path.length - b.path.length || (a.path < b.path ? -1 : 1));
}

/**
 * Opens the model of a folder.
 * @param graphPath graph file to open; may be omitted when the folder has only one.
 * @throws EspalierError `missing-file` when there is no graph; `bad-input` when there are several;
 *   `corrupt-file`; `unsupported-graph`; `too-large`.
 */
export async function openModel(folder: Folder, graphPath?: string): Promise<OpenedModel> {
  const path = graphPath ?? onlyGraph(folder);
  const model = await readModel(folder, path);
  const config = await readConfig(folder);
  const structure = findBlocks(model, config.layers, graphNames(config.raw.genai));
  return {
    folder,
    graphPath: path,
    structure,
    config,
    summary: summarize(folder, path, structure, config),
  };
}

function onlyGraph(folder: Folder): string {
  const [first, second, ...more] = listGraphs(folder);
  if (!first) throw noGraph(folder);
  if (second) {
    throw new EspalierError(
      'bad-input',
      `There are ${2 + more.length} graphs in ${nameInWords(folder)}: ` +
        `${[first, second, ...more].map((g) => g.path).join(', ')}.`,
      'Choose one of them.',
    );
  }
  return first.path;
}

function dtypeOfName(path: string): string {
  const stem = path.slice(path.lastIndexOf('/') + 1, -'.onnx'.length).toLowerCase();
  const suffix = DTYPE_SUFFIX.exec(stem)?.[1];
  if (suffix === 'quantized') return 'int8';
  return suffix ?? 'fp32';
}

/** True for external data: model.onnx_data, model.onnx_data_1, model.onnx.data or model.data. */
function isDataOf(file: string, graph: string): boolean {
  if (file === graph) return false;
  const stem = graph.slice(0, -'.onnx'.length);
  return [graph, stem].some(
    (prefix) => file.startsWith(prefix) && /^[_.]data(_\d+)?$/.test(file.slice(prefix.length)),
  );
}
