// Opens a model folder: lists its graphs, reads one and finds its blocks, without reading weights.

import { EspalierError } from '../../errors.ts';
import type { Model } from '../../onnx/graph.ts';
import { type Folder, nameInWords } from '../../onnx/source.ts';
import { graphChoices } from '../graphs/choices.ts';
import { type ModelGraphs, readGraphs } from '../graphs/decoders.ts';
import { missingNamedFiles } from '../graphs/genai.ts';
import { isTensorFiles } from '../graphs/tensorChoices.ts';
import { makeGraph } from '../make/make.ts';
import type { TensorSource } from '../make/weights.ts';
import { findBlocks } from '../structure/blocks.ts';
import { type ModelConfig, readConfig, withGraphSizes } from '../structure/config.ts';
import { graphSizes } from '../structure/sizes.ts';
import type { Structure } from '../structure/structure.ts';
import { currentGraphs, onlyOne } from './graphs.ts';
import { noGraph } from './noGraph.ts';
import { findRoot, type ModelRoot } from './root.ts';
import { summarize } from './summarize.ts';
import type { GraphChoice, ModelSummary } from './summary.ts';
import { openTensorSource } from './tensorSource.ts';

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
  /** The tensor files that the graph was made for; null for a model that has one. */
  tensorSource: TensorSource | null;
}

/**
 * Opens the model of a folder: of a graph, or of tensor files, for which one is made.
 * @param graphPath decoder graph or tensor files of the model to open; may be omitted when there is
 *   only one.
 * @param asFloats of tensor files: matrices in 4 or 8 bits become float32, as a conversion to
 *   another precision needs them
 * @throws EspalierError `missing-file` when there is no graph; `bad-input` when there are several;
 *   `corrupt-file`; `unsupported-graph`; `too-large`.
 */
export async function openModel(
  folder: Folder,
  graphPath?: string,
  asFloats = false,
): Promise<OpenedModel> {
  const choice = await chosen(folder, graphPath);
  if (isTensorFiles(choice.path)) return openTensorModel(folder, choice.path, asFloats);
  const parts = choice.components?.map(({ path }) => path);
  const root = await findRoot(folder, choice.path, parts);
  const declared = await readConfig(root.folder);
  const graphs = await readGraphs(folder, choice, declared);
  const config = withGraphSizes(declared, graphSizes(graphs.structure));
  const place = { folder, graphPath: choice.path, root };
  const summary = summarize(place, graphs, config);
  const missing = await missingNamedFiles(folder, root.configs);
  if (missing !== null) summary.problems.push({ code: 'named-files', message: missing });
  return { ...place, ...graphs, config, summary, tensorSource: null };
}

/** The model of tensor files, with the graph that is made for them. */
async function openTensorModel(
  original: Folder,
  path: string,
  asFloats: boolean,
): Promise<OpenedModel> {
  const { folder, files, config: text, named, problems } = await openTensorSource(original, path);
  const root = await findRoot(folder, path);
  const declared = await readConfig(root.folder);
  const { model, bindings } =
    files.format === 'gguf'
      ? ofMetadata(() => makeGraph(text, named, asFloats))
      : makeGraph(text, named, asFloats);
  const tensorSource: TensorSource = { files, named, bindings };
  const graphs = madeGraphs(path, model, findBlocks(model, declared.layers));
  const config = withGraphSizes(declared, graphSizes(graphs.structure));
  const place = { folder, graphPath: path, root };
  const summary = summarize(place, graphs, config, tensorSource);
  summary.problems.push(...problems);
  return { ...place, ...graphs, config, summary, tensorSource };
}

/** What `make` gives; a GGUF file has no config.json that an error could be about. */
function ofMetadata<T>(make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof EspalierError)) throw error;
    const message = error.message
      .replace(/^config\.json\b/, 'The config that the metadata of the file come to')
      .replaceAll('config.json', 'its metadata');
    throw new EspalierError(error.code, message, error.hint, error.detail);
  }
}

/** A graph that no file has as the graphs of a model. */
function madeGraphs(path: string, model: Model, structure: Structure): ModelGraphs {
  return {
    structure,
    decoders: [{ path, model, copies: [structure], assemble: ([only]) => only! }],
    whole: { model, path: null, merged: null },
    components: [],
    embeddingObstacle: null,
  };
}

async function chosen(folder: Folder, graphPath: string | undefined): Promise<GraphChoice> {
  if (graphPath !== undefined) {
    const known = (await graphChoices(folder)).find(({ path }) => path === graphPath);
    return known ?? { path: graphPath, model: '', dtype: '', bytes: 0 };
  }
  const [first, second, ...more] = onlyOne(await currentGraphs(folder));
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
