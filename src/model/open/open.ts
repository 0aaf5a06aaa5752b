// Opens a model folder: lists its graphs, reads one and finds its blocks, without reading weights.

import { EspalierError } from '../../errors.ts';
import { type Folder, nameInWords } from '../../onnx/source.ts';
import { graphChoices } from '../graphs/choices.ts';
import { type ModelGraphs, readGraphs } from '../graphs/decoders.ts';
import { missingNamedFiles } from '../graphs/genai.ts';
import { type ModelConfig, readConfig, withGraphSizes } from '../structure/config.ts';
import { graphSizes } from '../structure/sizes.ts';
import { currentGraphs } from './graphs.ts';
import { noGraph } from './noGraph.ts';
import { findRoot, type ModelRoot } from './root.ts';
import { summarize } from './summarize.ts';
import type { GraphChoice, ModelSummary } from './summary.ts';

/** A model whose structure is known. */
export interface OpenedModel extends ModelGraphs {
  /** What was opened, which may hold more than this model. */
  folder: Folder;
  /** Path of the decoder graph within the folder. */
  graphPath: string;
  /** Where its config and tokenizer are, and how much of the folder is this model. */
  root: ModelRoot;
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
  const parts = choice.components?.map(({ path }) => path);
  const root = await findRoot(folder, choice.path, parts);
  const declared = await readConfig(root.folder);
  const graphs = await readGraphs(folder, choice, declared);
  const config = withGraphSizes(declared, graphSizes(graphs.structure));
  const place = { folder, graphPath: choice.path, root };
  const summary = summarize(place, graphs, config);
  const missing = await missingNamedFiles(folder, root.configs);
  if (missing !== null) summary.problems.push({ code: 'named-files', message: missing });
  return { ...place, ...graphs, config, summary };
}

async function chosen(folder: Folder, graphPath: string | undefined): Promise<GraphChoice> {
  if (graphPath !== undefined) {
    const known = (await graphChoices(folder)).find(({ path }) => path === graphPath);
    return known ?? { path: graphPath, model: '', dtype: '', bytes: 0 };
  }
  const choices = await currentGraphs(folder);
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
