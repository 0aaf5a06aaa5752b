// The graphs of a model put together: what a removal edits, what scoring and running take.

import { EspalierError } from '../../errors.ts';
import type { Model } from '../../onnx/graph.ts';
import { readModel } from '../../onnx/read.ts';
import type { Folder } from '../../onnx/source.ts';
import { isOtherPrecision } from '../open/otherPrecision.ts';
import type { GraphChoice, GraphComponent } from '../open/summary.ts';
import { findBlocks } from '../structure/blocks.ts';
import type { ModelConfig } from '../structure/config.ts';
import { graphNames } from '../structure/roles.ts';
import type { Structure } from '../structure/structure.ts';
import { branchModel, findMerged, type Merged, withBranches } from './branches.ts';
import { type Component, withFiles } from './components.ts';
import { pipelineStages } from './genai.ts';
import { joinEmbedding, makesEmbeddings } from './joined.ts';
import { mergePair, withDeclaredPast, withoutDeclaredPast } from './pair.ts';

/** A graph file with the decoder in it: a removal edits it. */
interface DecoderFile {
  /** Path within the folder. */
  path: string;
  model: Model;
  /** The decoders in it: one, or both branches of a merged one, that without a past first. */
  copies: readonly Structure[];
  /** The model of the file with these in place of its copies, in their order. */
  assemble(models: readonly Model[]): Model;
}

/** The graph that runs the model from token ids to logits. */
interface WholeGraph {
  model: Model;
  /** The file that holds it; null when it is put together from several. */
  path: string | null;
  /** Which input chooses between the branches of a merged decoder; null for other graphs. */
  merged: Merged | null;
}

/** The graphs of a model. */
export interface ModelGraphs {
  /** Of the whole graph; for a merged decoder, of the branch without a past. */
  structure: Structure;
  decoders: readonly [DecoderFile, ...DecoderFile[]];
  whole: WholeGraph;
  /** Graphs that belong to the model and that a removal leaves as they are. */
  components: readonly Component[];
  /** Why the decoder was not joined with the graph that makes its embeddings, or null. */
  embeddingObstacle: string | null;
}

/** Most graphs beside a decoder that are read to find the one that makes its embeddings. */
const MAX_CANDIDATES = 16;

/**
 * Reads the graphs of a model and finds their blocks; reads no weights.
 * @param config the declared number of layers as in `findBlocks`, and genai_config.json
 * @throws EspalierError as `readModel` and `findBlocks`; `unsupported-graph` when the graphs of a
 *   model do not fit together.
 */
export async function readGraphs(
  folder: Folder,
  choice: GraphChoice,
  { layers, raw: { genai } }: Pick<ModelConfig, 'layers' | 'raw'>,
): Promise<ModelGraphs> {
  const components = [...(choice.components ?? [])];
  const stages = pipelineStages(genai);
  if (stages.length > 0)
    throw new EspalierError(
      'unsupported-graph',
      `genai_config.json divides the decoder into a pipeline of ${stages.length} graphs ` +
        `(${stages
          .slice(0, 6)
          .map(({ name }) => name)
          .join(', ')}), which run one after the other.`,
      'Build the model with its decoder in one graph (without a pipeline) to prune it here.',
    );
  const names = graphNames(genai);
  const find: Find = (model) => findBlocks(model, layers, names);
  const model = await readModel(folder, choice.path);
  const past = components.find(({ role }) => role === 'with-past')?.path;
  const decoder =
    past === undefined
      ? oneFile(choice.path, model, find)
      : twoFiles(choice.path, model, past, await readModel(folder, past), find);
  const others = components.filter(({ path }) => path !== past);
  const [{ copies }] = decoder.files;
  const first = copies[0]!;
  const found = first.embedsInput ? await findEmbedding(folder, choice.path, first, others) : null;
  if (found) {
    const at = others.findIndex(({ role }) => role === 'embedding');
    others.splice(at < 0 ? others.length : at, 1, { role: 'embedding', path: found.path });
  }
  const plain: ModelGraphs = {
    structure: first,
    decoders: decoder.files,
    whole: decoder.whole,
    components: await withFiles(folder, others, found),
    embeddingObstacle: null,
  };
  if (!found) return plain;
  try {
    const joined = joinEmbedding(found.model, decoder.whole.model, first.tokenInput);
    const { merged } = decoder.whole;
    const source = merged ? branchModel(joined, merged.withoutPast) : joined;
    return { ...plain, structure: find(source), whole: { model: joined, path: null, merged } };
  } catch (error) {
    if (error instanceof EspalierError && error.code === 'unsupported-graph')
      return {
        ...plain,
        embeddingObstacle: `${found.path} and ${choice.path} could not be joined: ${error.message}`,
      };
    throw error;
  }
}

type Find = (model: Model) => Structure;

interface Decoder {
  files: [DecoderFile, ...DecoderFile[]];
  whole: WholeGraph;
}

function oneFile(path: string, model: Model, find: Find): Decoder {
  const merged = findMerged(model);
  if (!merged) {
    const copies = [find(model)];
    const file: DecoderFile = { path, model, copies, assemble: ([only]) => only! };
    return { files: [file], whole: { model, path, merged: null } };
  }
  const order = [merged.withoutPast, merged.withPast] as const;
  const copies = agreeing(order.map((branch) => find(branchModel(model, branch))));
  const assemble: DecoderFile['assemble'] = ([without, withPast]) =>
    withBranches(model, {
      [merged.withoutPast]: without!,
      [merged.withPast]: withPast!,
    } as Parameters<typeof withBranches>[1]);
  return { files: [{ path, model, copies, assemble }], whole: { model, path, merged } };
}

function twoFiles(path: string, model: Model, pastPath: string, past: Model, find: Find): Decoder {
  const declared = withDeclaredPast(model, past);
  const [without, withPast] = agreeing([find(declared), find(past)]);
  const whole = mergePair(declared, past);
  return {
    files: [
      {
        path,
        model,
        copies: [without!],
        assemble: ([only]) => withoutDeclaredPast(only!, model),
      },
      { path: pastPath, model: past, copies: [withPast!], assemble: ([only]) => only! },
    ],
    whole: { model: whole, path: null, merged: findMerged(whole) },
  };
}

/** @throws EspalierError `unsupported-graph` unless all have the same blocks and caches */
function agreeing(structures: Structure[]): Structure[] {
  const [first, ...more] = structures;
  const blocksOf = ({ blocks }: Structure): string =>
    blocks.map(({ states }) => states.map(({ input }) => input).join(' ')).join('\n');
  if (first && more.every((other) => blocksOf(other) === blocksOf(first))) return structures;
  throw new EspalierError(
    'unsupported-graph',
    'The decoder without a past and the one with a past have different blocks ' +
      `(${structures.map(({ blocks }) => blocks.length).join(' and ')}).`,
    'Use the graphs of one export of the model.',
  );
}

/** The graph that makes the embeddings: the one of that name, else the only one that fits. */
async function findEmbedding(
  folder: Folder,
  decoder: string,
  { model, tokenInput }: Structure,
  components: readonly GraphComponent[],
): Promise<{ path: string; model: Model } | null> {
  const directory = decoder.slice(0, decoder.lastIndexOf('/') + 1);
  const named = components.filter(({ role }) => role === 'embedding').map(({ path }) => path);
  const beside = folder.files
    .map(({ path }) => path)
    .filter(
      (path) =>
        path !== decoder &&
        path.startsWith(directory) &&
        /^[^/]+\.onnx$/i.test(path.slice(directory.length)),
    );
  const fitting: { path: string; model: Model }[] = [];
  const [first] = named;
  for (const path of new Set([...named, ...beside.slice(0, MAX_CANDIDATES)])) {
    const candidate = await readModel(folder, path).catch((error: unknown) => {
      if (error instanceof EspalierError && path !== first) return null;
      throw error;
    });
    if (!candidate || !makesEmbeddings(candidate, model, tokenInput)) continue;
    if (path === first) return { path, model: candidate };
    fitting.push({ path, model: candidate });
  }
  // Another precision of the named one, before a graph of another name.
  const same = fitting.find(({ path }) => first !== undefined && isOtherPrecision(path, first));
  const found = same ?? (fitting.length === 1 ? fitting[0] : undefined);
  if (found) return found;
  // Joining it says what does not fit.
  return first === undefined ? null : { path: first, model: await readModel(folder, first) };
}
