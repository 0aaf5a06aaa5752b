// Opens a model folder: lists its graphs, reads one and finds its blocks, without reading weights.

import { EspalierError } from '../../errors.ts';
import { type Folder, nameInWords } from '../../onnx/source.ts';
import { graphChoices } from '../graphs/choices.ts';
import { type ModelGraphs, readGraphs } from '../graphs/decoders.ts';
import { type ModelConfig, readConfig } from '../structure/config.ts';
import { noGraph } from './noGraph.ts';
import { summarize } from './summarize.ts';
import type { GraphChoice, ModelSummary } from './summary.ts';

/** A model whose structure is known. */
export interface OpenedModel extends ModelGraphs {
  folder: Folder;
  /** Path of the decoder graph within the folder. */
  graphPath: string;
  config: ModelConfig;
  summary: ModelSummary;
}

/**
 * Opens the model of a folder.
 * @param graphPath decoder graph of the model to open; may be omitted when there is only one.
 * @throws EspalierError `missing-file` when there is no graph; `bad-input` when there are several;
 *   `corrupt-file`; `unsupported-graph`; `too-large`.
 */
export async function openModel(folder: Folder, graphPath?: string): Promise<OpenedModel> {
  const choice = await chosen(folder, graphPath);
  const config = await readConfig(folder);
  const graphs = await readGraphs(folder, choice, config);
  return {
    folder,
    graphPath: choice.path,
    ...graphs,
    config,
    summary: summarize(folder, choice.path, graphs, config),
  };
}

async function chosen(folder: Folder, graphPath: string | undefined): Promise<GraphChoice> {
  const choices = await graphChoices(folder);
  if (graphPath !== undefined)
    return (
      choices.find(({ path }) => path === graphPath) ?? { path: graphPath, dtype: '', bytes: 0 }
    );
  const [first, second, ...more] = choices;
  if (!first) throw noGraph(folder);
  if (second) {
    throw new EspalierError(
      'bad-input',
      `There are ${2 + more.length} graphs in ${nameInWords(folder)}: ` +
        `${[first, second, ...more].map((g) => g.path).join(', ')}.`,
      'Choose one of them.',
    );
  }
  return first;
}
