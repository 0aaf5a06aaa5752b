// Which ONNX files of a folder make a model: its decoder, the graphs that belong to it, and other
// precisions of the same model. By file names and genai_config.json; reads no graph.

import { isJsonObject, type JsonObject } from '../../json.ts';
import type { Folder, FolderFile } from '../../onnx/source.ts';
import { DTYPE_SUFFIX } from '../export/names.ts';
import { topByName } from '../open/root.ts';
import type { GraphChoice, GraphComponent } from '../open/summary.ts';
import { readConfigFile } from '../structure/config.ts';
import { namedPath, pipelineStages } from './genai.ts';
import { tensorChoices } from './tensorChoices.ts';

/** Names of decoder graphs without their precision, best first (transformers.js, optimum). */
const DECODERS: readonly string[] = [
  'decoder_model_merged',
  'model',
  'decoder_model',
  'decoder',
  'language_model',
  'text_model',
  'text_decoder',
  'model_merged',
];
const WITH_PAST = 'decoder_with_past_model';
/** Names of graphs that belong to a decoder, and what they are. */
const COMPONENTS: readonly { name: RegExp; role: string }[] = [
  { name: /^(embed_tokens|embeddings?|token_embeddings?|text_embeddings?)$/, role: 'embedding' },
  { name: /^(vision|visual|image)/, role: 'vision' },
  { name: /^(audio|speech)/, role: 'audio' },
  { name: /^encoder/, role: 'encoder' },
];
/** Sections of genai_config.json that name graphs, and what these are. */
const SECTIONS: Readonly<Record<string, string>> = {
  embedding: 'embedding',
  vision: 'vision',
  speech: 'audio',
  audio: 'audio',
  encoder: 'encoder',
};

interface NamedGraph extends FolderFile {
  directory: string;
  /** File name without ".onnx" and precision. */
  stem: string;
  /** As the name says it: "", "q4", "quantized". */
  suffix: string;
}

/**
 * The models that can be opened in a folder: one entry for each decoder graph, with the graphs that
 * belong to it, shortest path first, then one for each set of tensor files. `dtype` is taken from
 * names and config; the real one is known once the model is opened.
 */
export async function graphChoices(folder: Folder): Promise<GraphChoice[]> {
  const graphs = namedGraphs(folder);
  const named = await namedByGenai(folder, graphs);
  const homes = new Set(named.map(({ home }) => home));
  const taken = new Set(named.flatMap(({ paths }) => paths));
  const directories = [...new Set(graphs.map(({ directory }) => directory))];
  const choices = [
    ...named.map(({ choice: found }) => found),
    ...directories
      .filter((directory) => !homes.has(directory))
      .flatMap((directory) =>
        byName(
          folder,
          graphs.filter((graph) => graph.directory === directory),
        ).filter(({ path }) => !taken.has(path)),
      ),
  ];
  return [...choices.sort(byPath), ...(await tensorChoices(folder)).sort(byPath)];
}

const byPath = (a: GraphChoice, b: GraphChoice): number =>
  a.path.length - b.path.length || (a.path < b.path ? -1 : 1);

/** All ONNX files of a folder but hidden ones. */
function namedGraphs(folder: Folder): NamedGraph[] {
  return folder.files
    .filter(
      ({ path }) =>
        path.toLowerCase().endsWith('.onnx') &&
        !path.split('/').some((part) => part.startsWith('.')),
    )
    .map((file) => {
      const slash = file.path.lastIndexOf('/') + 1;
      const name = file.path.slice(slash, -'.onnx'.length);
      const suffix = DTYPE_SUFFIX.exec(name.toLowerCase())?.[1] ?? '';
      return {
        ...file,
        directory: file.path.slice(0, slash),
        stem: suffix ? name.slice(0, -suffix.length - 1) : name,
        suffix,
      };
    });
}

/** Most configs of onnxruntime-genai that are read for the graphs that they name. */
const MAX_CONFIGS = 64;

/** The models that the genai_config.json files of a folder describe, with the folders of these. */
async function namedByGenai(
  folder: Folder,
  graphs: readonly NamedGraph[],
): Promise<{ home: string; choice: GraphChoice; paths: string[] }[]> {
  const configs = folder.files
    .map(({ path }) => path)
    .filter((path) => /^(?:[^.][^/]*\/)*genai_config\.json$/.test(path));
  const atPath = new Map(graphs.map((graph) => [graph.path, graph]));
  const found: { home: string; choice: GraphChoice; paths: string[] }[] = [];
  for (const config of configs.slice(0, MAX_CONFIGS)) {
    const genai = await readConfigFile(folder, config);
    const model = object(genai?.model);
    const at = (name: unknown): NamedGraph | undefined => atPath.get(namedPath(config, name) ?? '');
    // The stages of a pipeline are one model; opening it says that they are.
    const stages = pipelineStages(genai).flatMap(({ file }) => at(file) ?? []);
    const decoder = at(object(model?.decoder)?.filename) ?? stages[0];
    if (!model || !decoder || found.some((other) => other.choice.path === decoder.path)) continue;
    const components: GraphComponent[] = [];
    for (const [section, role] of Object.entries(SECTIONS)) {
      const graph = at(object(model[section])?.filename);
      if (graph && graph !== decoder && !components.some(({ path }) => path === graph.path))
        components.push({ role, path: graph.path });
    }
    found.push({
      home: config.slice(0, -'genai_config.json'.length),
      choice: choice(folder, decoder, components),
      paths: [decoder, ...stages, ...components].map(({ path }) => path),
    });
  }
  return found;
}

/** Models by the names that exporters give to graphs. */
function byName(folder: Folder, beside: readonly NamedGraph[]): GraphChoice[] {
  const roles = new Map(beside.map((graph) => [graph, roleOf(graph)]));
  const belong = beside.filter((graph) => roles.get(graph) !== null);
  const withPast = beside.filter(({ stem }) => stem === WITH_PAST);
  const decoders = beside.filter((graph) => roles.get(graph) === null && graph.stem !== WITH_PAST);
  if (decoders.length === 0)
    return [...withPast, ...belong].map((graph) => choice(folder, graph, []));
  const whole = decoders.some(({ stem }) => DECODERS.includes(stem));
  // Beside a decoder and its embedding graph, whatever else there is belongs to the model too.
  const split = whole && belong.some((graph) => roles.get(graph) === 'embedding');
  const main = split ? decoders.filter(({ stem }) => DECODERS.includes(stem)) : decoders;
  const others = split ? decoders.filter((graph) => !main.includes(graph)) : [];
  return main.map((decoder) => {
    const past =
      decoder.stem === 'decoder_model'
        ? withPast.find(({ suffix }) => suffix === decoder.suffix)
        : undefined;
    const components = whole ? pick(decoder, [...belong, ...others], roles) : [];
    return choice(folder, decoder, [
      ...(past ? [{ role: 'with-past', path: past.path }] : []),
      ...components,
    ]);
  });
}

function roleOf({ stem }: NamedGraph): string | null {
  return COMPONENTS.find(({ name }) => name.test(stem.toLowerCase()))?.role ?? null;
}

/** One graph of each name: of the decoder's precision, else the nearest to it, else the first. */
function pick(
  decoder: NamedGraph,
  graphs: readonly NamedGraph[],
  roles: ReadonlyMap<NamedGraph, string | null>,
): GraphComponent[] {
  const stems = [...new Set(graphs.map(({ stem }) => stem))];
  return stems.flatMap((stem) => {
    const same = graphs.filter((graph) => graph.stem === stem);
    const found =
      same.find(({ suffix }) => suffix === decoder.suffix) ??
      (/f16$/.test(decoder.suffix) ? same.find(({ suffix }) => suffix === 'fp16') : undefined) ??
      same.find(({ suffix }) => suffix === '') ??
      same[0];
    return found ? [{ role: roles.get(found) ?? 'other', path: found.path }] : [];
  });
}

function choice(
  folder: Folder,
  { path, suffix }: NamedGraph,
  components: readonly GraphComponent[],
): GraphChoice {
  const paths = [path, ...components.map((component) => component.path)];
  return {
    path,
    model: topByName(new Set(folder.files.map((file) => file.path)), path),
    dtype: suffix === 'quantized' ? 'int8' : suffix || 'fp32',
    bytes: folder.files.reduce(
      (sum, file) =>
        paths.some((graph) => file.path === graph || isDataOf(file.path, graph))
          ? sum + file.size
          : sum,
      0,
    ),
    ...(components.length > 0 ? { components: [...components] } : {}),
  };
}

/** True for external data: model.onnx_data, model.onnx_data_1, model.onnx.data or model.data. */
export function isDataOf(file: string, graph: string): boolean {
  if (file === graph) return false;
  const stem = graph.slice(0, -'.onnx'.length);
  return [graph, stem].some(
    (prefix) => file.startsWith(prefix) && /^[_.]data(_\d+)?$/.test(file.slice(prefix.length)),
  );
}

function object(value: unknown): JsonObject | null {
  return isJsonObject(value) ? value : null;
}
