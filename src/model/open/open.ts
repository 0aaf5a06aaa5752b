// Opens a model folder: lists its graphs, reads one and finds its blocks, without reading weights.

import { EspalierError } from '../../errors.ts';
import { readModel } from '../../onnx/read.ts';
import { type Folder, nameInWords } from '../../onnx/source.ts';
import { findBlocks } from '../structure/blocks.ts';
import { type ModelConfig, readConfig, withGraphSizes } from '../structure/config.ts';
import { graphSizes } from '../structure/sizes.ts';
import type { Structure } from '../structure/structure.ts';
import { currentGraphs } from './graphs.ts';
import { noGraph } from './noGraph.ts';
import { findRoot, type ModelRoot } from './root.ts';
import { summarize } from './summarize.ts';
import type { ModelSummary } from './summary.ts';

/** A model whose structure is known. */
export interface OpenedModel {
  /** What was opened, which may hold more than this model. */
  folder: Folder;
  /** Path of the graph file within the folder. */
  graphPath: string;
  /** Where its config and tokenizer are, and how much of the folder is this model. */
  root: ModelRoot;
  structure: Structure;
  config: ModelConfig;
  summary: ModelSummary;
}

/**
 * Opens the model of a folder.
 * @param graphPath graph file to open; may be omitted when the folder has only one.
 * @throws EspalierError `missing-file` when there is no graph; `bad-input` when there are several;
 *   `corrupt-file`; `unsupported-graph`; `too-large`.
 */
export async function openModel(folder: Folder, graphPath?: string): Promise<OpenedModel> {
  const path = graphPath ?? (await onlyGraph(folder));
  const model = await readModel(folder, path);
  const root = await findRoot(folder, path);
  const declared = await readConfig(root.folder);
  const structure = findBlocks(model, declared.layers);
  const sizes = graphSizes(structure);
  const config = withGraphSizes(declared, sizes);
  return {
    folder,
    graphPath: path,
    root,
    structure,
    config,
    summary: summarize({ folder, graphPath: path, root }, structure, config),
  };
}

async function onlyGraph(folder: Folder): Promise<string> {
  const [first, second, ...more] = await currentGraphs(folder);
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
