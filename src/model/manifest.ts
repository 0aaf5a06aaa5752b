// Plans an export: every file as new bytes and byte ranges of the source folder; reads configs and
// small constants, never whole weights.

import { EspalierError } from '../errors.ts';
import { MAX_CONFIG_BYTES } from '../json.ts';
import { BytesReader, rangesOf } from '../onnx/bytes.ts';
import { encodeModel } from '../onnx/codec.ts';
import { DataType, type Model, type ValueInfo } from '../onnx/graph.ts';
import { type Bytes, type Folder, readText } from '../onnx/source.ts';
import { sortUnits, type Unit } from '../units.ts';
import { exportedGraph, writtenDtype } from './export/names.ts';
import { applySteps, exportSteps, type StepChoice, stepRecords } from './export/steps.ts';
import { identify } from './identity.ts';
import { sortFiles } from './manifestFiles.ts';
import { dataFileName, innerRanges, layOut } from './manifestLayout.ts';
import type { Provenance } from './provenance.ts';
import { PROVENANCE_FILE, writeProvenance } from './provenance.ts';
import type { StudyRecord } from './provenanceStudy.ts';
import { prunedConfigJson, prunedGenaiConfig } from './prunedConfig.ts';
import { exportReadme, README_MARK } from './readme.ts';
import { carriers, partsAfter } from './remove.ts';
import type { Structure } from './structure.ts';

/**
 * A file to write: its parts in order, each of them bytes, a range of a file of the source folder, or
 * computed from such while it is written.
 */
export interface ManifestFile {
  path: string;
  /** Bytes; the sum of the parts. */
  size: number;
  parts: Bytes[];
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
  /** Criteria, search and evaluations, where there are any. */
  study?: StudyRecord;
  /** Names and versions of what computed the numbers, e.g. onnxruntime-web. */
  versions?: Record<string, string>;
  /** What is done after the removal; nothing by default. */
  steps?: readonly StepChoice[];
  /** Most bytes of one data file; tests make it small. */
  partBytes?: number;
}

/** Constants outside the initializers stay in the graph file, which must stay below 2 GB. */
const INNER_LIMIT_BYTES = 2 ** 30;

/**
 * The files of the model without the units `removed`, a README among them. Zero removals give the
 * same tensors byte for byte.
 * @throws EspalierError `bad-input` or `unsupported-graph` when these blocks cannot be removed or a
 *   config is broken, `missing-file`.
 */
export async function exportManifest(
  opened: ExportSource,
  removed: readonly Unit[],
  options: ExportOptions,
): Promise<Manifest> {
  const { folder, graphPath, structure } = opened;
  const gone = sortUnits(removed);
  // Configs count caches: the blocks that have attention, of which these stay.
  const { before, after } = carriers(structure, gone);
  const [n, keep] = [before.length, after.map((block) => before.indexOf(block))];
  const genai = folder.open('genai_config.json') !== null;
  const steps = exportSteps(gone, options.steps ?? []);
  const model = applySteps({ structure, genai }, steps);
  const written = exportedGraph(graphPath, steps, genai);
  const transformers = folder.open('config.json') !== null && !genai;
  if (transformers) nameHeadSize(model, structure, opened.config.headSize);

  const slash = written.lastIndexOf('/') + 1;
  const [directory, graphName] = [written.slice(0, slash), written.slice(slash)];
  const layout = layOut(model.graph, dataFileName(graphName, genai), options.partBytes);
  const inner = await readInner(model, folder);
  const graph = encodeModel(model, (tensor, range, owner) => {
    const bytes = inner.get(tensor);
    return owner === 'initializer' && !bytes ? layout.place(range) : (bytes ?? fail(tensor.name));
  });

  const files: ManifestFile[] = [whole(written, graph)];
  for (const { name, size, parts } of layout.files)
    files.push({ path: `${directory}${name}`, size, parts });
  const config = await readText(folder, 'config.json', MAX_CONFIG_BYTES);
  if (config !== null) {
    const dtype = writtenDtype(steps);
    const told = transformers
      ? {
          graph: graphName,
          parts: layout.files.length,
          ...(dtype ? { precision: { dtype, caches: cacheType(structure, model) } } : {}),
        }
      : null;
    files.push(whole('config.json', encode(prunedConfigJson(config, n, keep, told))));
  }
  const genaiConfig = await readText(folder, 'genai_config.json', MAX_CONFIG_BYTES);
  if (genaiConfig !== null)
    files.push(whole('genai_config.json', encode(prunedGenaiConfig(genaiConfig, n, keep))));

  const readme = await readmePath(folder);
  const sources = [...structure.model.graph.initializers.values()].flatMap(({ data }) =>
    rangesOf(data).map(({ file }) => file),
  );
  const { copied, leftOut } = sortFiles(
    folder.files,
    new Set([...files.map((file) => file.path), graphPath, ...sources, readme]),
  );
  for (const { path, size } of copied)
    files.push({ path, size, parts: [{ file: path, offset: 0, length: size }] });

  const parts = partsAfter(structure, gone);
  const provenance: Provenance = {
    app: options.app,
    source: {
      name: folder.name,
      family: opened.config.family,
      numBlocks: structure.blocks.length,
      ...(await identify(folder, graphPath, structure.model)),
    },
    removed: gone,
    renumbering: renumbering(structure, gone),
    ...(parts.every((entry) => entry.parts.length === 2)
      ? {}
      : { parts: parts.map((entry) => entry.parts) }),
    score: options.score ?? null,
    plan: options.plan ?? null,
    ...(options.study ? { study: options.study } : {}),
    ...stepRecords(steps),
    versions: options.versions ?? {},
  };
  files.push(whole(PROVENANCE_FILE, encode(writeProvenance(provenance))));
  const kind = genai ? 'genai' : transformers ? 'transformers.js' : 'other';
  files.push(
    whole(
      readme,
      encode(
        exportReadme({
          provenance,
          graph: written,
          layout: kind,
          steps,
          parts,
          withAttention: after.length,
        }),
      ),
    ),
  );
  return { files, graph: written, leftOut, provenance };
}

/** The element type of the key-value caches that the graph takes. */
function cacheType(structure: Structure, model: Model): 'float32' | 'float16' {
  const caches = new Set(
    structure.blocks.flatMap(({ states }) =>
      states.filter(({ kind }) => kind === 'kv').map(({ input }) => input),
    ),
  );
  const found = model.graph.inputs.find(({ name }) => caches.has(name));
  return found?.type === DataType.float16 ? 'float16' : 'float32';
}

/**
 * Blocks with attention take the cache numbers of the first such blocks, in order: gaps between the
 * numbers of a hybrid's states stay where they are.
 */
function renumbering(structure: Structure, gone: readonly Unit[]): Provenance['renumbering'] {
  const { before, after } = carriers(structure, gone);
  return partsAfter(structure, gone).map(({ block }, newBlock) => {
    const place = after.findIndex(({ index }) => index === block);
    const source = structure.blocks[block]!;
    return {
      block,
      newBlock,
      state: source.lacks === 'attn' ? null : source.stateIndex,
      newState: place < 0 ? null : before[place]!.stateIndex,
    };
  });
}

/** README.md, or ESPALIER.md beside a README that is the user's. */
async function readmePath(folder: Folder): Promise<string> {
  const theirs = folder.files.find(({ path }) => /^readme(\.(md|txt|rst))?$/i.test(path));
  if (!theirs) return 'README.md';
  const start = await openFile(folder, theirs.path).read(
    0,
    Math.min(theirs.size, README_MARK.length),
  );
  return new TextDecoder().decode(start) === README_MARK ? theirs.path : 'ESPALIER.md';
}

/** transformers.js takes a symbolic head size of a cache input for 0, so the number is written. */
function nameHeadSize(model: Model, structure: Structure, headSize: number | null): void {
  if (headSize === null) return;
  const caches = new Set(
    structure.blocks.flatMap((block) =>
      block.states.filter((state) => state.kind === 'kv').map((state) => state.input),
    ),
  );
  model.graph.inputs = model.graph.inputs.map((input): ValueInfo => {
    const { dims } = input;
    if (!caches.has(input.name) || dims?.length !== 4 || typeof dims[3] === 'number') return input;
    return { ...input, dims: [...dims.slice(0, 3), headSize] };
  });
}

async function readInner(model: Model, folder: Folder): Promise<Map<object, Uint8Array>> {
  const reader = new BytesReader(folder);
  const found = new Map<object, Uint8Array>();
  let total = 0;
  for (const tensor of innerRanges(model.graph)) {
    total += tensor.data.length;
    if (total > INNER_LIMIT_BYTES) {
      throw new EspalierError(
        'unsupported-graph',
        `More than ${INNER_LIMIT_BYTES} bytes of weights are Constant nodes of the graph, ` +
          `"${tensor.name}" among them.`,
        'Export the model with its weights as initializers.',
      );
    }
    found.set(tensor, await reader.open(tensor.data).read(0, tensor.data.length));
  }
  return found;
}

function openFile(folder: Folder, path: string) {
  const source = folder.open(path);
  if (source) return source;
  throw new EspalierError(
    'missing-file',
    `The file ${path} is not in the folder ${folder.name} any more.`,
    'Open the folder again.',
  );
}

function whole(path: string, bytes: Uint8Array): ManifestFile {
  return { path, size: bytes.length, parts: [bytes] };
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function fail(name: string): never {
  throw new EspalierError(
    'bug',
    `The constant "${name}" was found while writing but not while reading the graph.`,
  );
}
