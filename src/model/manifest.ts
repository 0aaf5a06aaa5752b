// Plans an export: every file as new bytes and byte ranges of the source folder; reads configs and small constants, never whole weights.

import { EspalierError } from '../errors.ts';
import { MAX_CONFIG_BYTES } from '../json.ts';
import { encodeModel } from '../onnx/codec.ts';
import type { Model, ValueInfo } from '../onnx/graph.ts';
import { isRange } from '../onnx/graph.ts';
import { type ByteRange, type Folder, readText } from '../onnx/source.ts';
import { sortUnits, type Unit } from '../units.ts';
import { identify } from './identity.ts';
import { sortFiles } from './manifestFiles.ts';
import { dataFileName, innerRanges, layOut } from './manifestLayout.ts';
import type { Provenance } from './provenance.ts';
import { PROVENANCE_FILE, writeProvenance } from './provenance.ts';
import { prunedConfigJson, prunedGenaiConfig } from './prunedConfig.ts';
import { removeUnits } from './remove.ts';
import type { Structure } from './structure.ts';

/** A file to write: its parts in order, bytes or ranges of files of the source folder. */
export interface ManifestFile {
  path: string;
  /** Bytes; the sum of the parts. */
  size: number;
  parts: (Uint8Array | ByteRange)[];
}

export interface Manifest {
  files: ManifestFile[];
  /** Path of the graph within the export. */
  graph: string;
  /** Files of the source that the export does not have: other graphs and their weights. */
  leftOut: string[];
  provenance: Provenance;
}

/** What an export needs of an opened model. */
export interface ExportSource {
  folder: Folder;
  graphPath: string;
  structure: Structure;
  config: { headSize: number | null; family: string };
}

export interface ExportOptions {
  /** Version of this application. */
  app: string;
  /** The curve in force, or null. */
  score?: Provenance['score'];
  /** The measured plan, or null. */
  plan?: Provenance['plan'];
  /** Names and versions of what computed the numbers, e.g. onnxruntime-web. */
  versions?: Record<string, string>;
  /** Most bytes of one data file; tests make it small. */
  partBytes?: number;
}

/** Constants outside the initializers stay in the graph file, which must stay below 2 GB. */
const INNER_LIMIT_BYTES = 2 ** 30;

/**
 * The files of the model without the blocks `removed`. Zero removals give the same tensors byte for byte.
 * @throws EspalierError `bad-input` or `unsupported-graph` when these blocks cannot be removed or a config is broken, `missing-file`.
 */
export async function exportManifest(opened: ExportSource, removed: readonly Unit[], options: ExportOptions): Promise<Manifest> {
  const { folder, graphPath, structure } = opened;
  const n = structure.blocks.length;
  const gone = sortUnits(removed);
  const keep = structure.blocks.map((block) => block.index).filter((index) => !gone.includes(index));
  const model = removeUnits(structure, gone);
  const genai = folder.open('genai_config.json') !== null;
  const transformers = folder.open('config.json') !== null && !genai;
  if (transformers) nameHeadSize(model, structure, opened.config.headSize);

  const slash = graphPath.lastIndexOf('/') + 1;
  const [directory, graphName] = [graphPath.slice(0, slash), graphPath.slice(slash)];
  const layout = layOut(model.graph, dataFileName(graphName, genai), options.partBytes);
  const inner = await readInner(model, folder);
  const graph = encodeModel(model, (tensor, range, owner) => {
    const bytes = inner.get(tensor);
    return owner === 'initializer' && !bytes ? layout.place(range) : (bytes ?? fail(tensor.name));
  });

  const files: ManifestFile[] = [whole(graphPath, graph)];
  for (const { name, size, parts } of layout.files) files.push({ path: `${directory}${name}`, size, parts });
  const config = await readText(folder, 'config.json', MAX_CONFIG_BYTES);
  if (config !== null) {
    const external = transformers ? { graph: graphName, parts: layout.files.length } : null;
    files.push(whole('config.json', encode(prunedConfigJson(config, n, keep, external))));
  }
  const genaiConfig = await readText(folder, 'genai_config.json', MAX_CONFIG_BYTES);
  if (genaiConfig !== null) files.push(whole('genai_config.json', encode(prunedGenaiConfig(genaiConfig, n, keep))));

  const sources = [...structure.model.graph.initializers.values()].map(({ data }) => (isRange(data) ? data.file : ''));
  const { copied, leftOut } = sortFiles(folder.files, new Set([...files.map((file) => file.path), ...sources]));
  for (const { path, size } of copied) files.push({ path, size, parts: [{ file: path, offset: 0, length: size }] });

  const provenance: Provenance = {
    app: options.app,
    source: {
      name: folder.name,
      family: opened.config.family,
      numBlocks: n,
      ...(await identify(folder, graphPath, structure.model)),
    },
    removed: gone,
    renumbering: renumbering(structure, keep),
    score: options.score ?? null,
    plan: options.plan ?? null,
    versions: options.versions ?? {},
  };
  files.push(whole(PROVENANCE_FILE, encode(writeProvenance(provenance))));
  return { files, graph: graphPath, leftOut, provenance };
}

/** Survivors take the numbers of the first blocks, in order: gaps between the numbers of a hybrid's states stay where they are. */
function renumbering(structure: Structure, keep: readonly number[]): Provenance['renumbering'] {
  return keep.map((index, k) => ({
    block: index,
    newBlock: k,
    state: structure.blocks[index]?.stateIndex ?? index,
    newState: structure.blocks[k]?.stateIndex ?? k,
  }));
}

/** transformers.js takes a symbolic head size of a cache input for 0, so the number is written. */
function nameHeadSize(model: Model, structure: Structure, headSize: number | null): void {
  if (headSize === null) return;
  const caches = new Set(
    structure.blocks.flatMap((block) => block.states.filter((state) => state.kind === 'kv').map((state) => state.input)),
  );
  model.graph.inputs = model.graph.inputs.map((input): ValueInfo => {
    const { dims } = input;
    if (!caches.has(input.name) || dims?.length !== 4 || typeof dims[3] === 'number') return input;
    return { ...input, dims: [...dims.slice(0, 3), headSize] };
  });
}

async function readInner(model: Model, folder: Folder): Promise<Map<object, Uint8Array>> {
  const found = new Map<object, Uint8Array>();
  let total = 0;
  for (const tensor of innerRanges(model.graph)) {
    if (!isRange(tensor.data)) continue;
    total += tensor.data.length;
    if (total > INNER_LIMIT_BYTES) {
      throw new EspalierError(
        'unsupported-graph',
        `More than ${INNER_LIMIT_BYTES} bytes of weights are Constant nodes of the graph, "${tensor.name}" among them.`,
        'Export the model with its weights as initializers.',
      );
    }
    const { file, offset, length } = tensor.data;
    found.set(tensor, await openFile(folder, file).read(offset, length));
  }
  return found;
}

function openFile(folder: Folder, path: string) {
  const source = folder.open(path);
  if (source) return source;
  throw new EspalierError('missing-file', `The file ${path} is not in the folder ${folder.name} any more.`, 'Open the folder again.');
}

function whole(path: string, bytes: Uint8Array): ManifestFile {
  return { path, size: bytes.length, parts: [bytes] };
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function fail(name: string): never {
  throw new EspalierError('bug', `The constant "${name}" was found while writing but not while reading the graph.`);
}
