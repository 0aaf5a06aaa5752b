// Plans an export: every file as given bytes, byte ranges of the source and derived bytes. Configs
// and small constants are read, weights only while they are written.

import { EspalierError } from '../../errors.ts';
import { BytesReader, rangesOf } from '../../onnx/bytes.ts';
import { encodeModel } from '../../onnx/codec.ts';
import { DataType, type Model, type ValueInfo } from '../../onnx/graph.ts';
import { type Bytes, type Folder, type FolderFile, openFile, readText } from '../../onnx/source.ts';
import type { Unit } from '../../units.ts';
import { type ModelRoot, withinTop } from '../open/root.ts';
import { MAX_CONFIG_BYTES } from '../structure/config.ts';
import { planRemoval, type Removal } from '../structure/removal.ts';
import type { Structure } from '../structure/structure.ts';
import { exportedModel } from './apply.ts';
import { prunedConfigJson, prunedGenaiConfig, type WrittenGraph } from './config.ts';
import { sortFiles } from './files.ts';
import { identify } from './identity.ts';
import { dataFileName, innerRanges, layOut } from './layout.ts';
import { exportedGraph, writtenDtype } from './names.ts';
import type { Provenance } from './provenance.ts';
import { PROVENANCE_FILE, writeProvenance } from './provenance.ts';
import type { StudyRecord } from './provenanceStudy.ts';
import { exportReadme, README_MARK, type ReadmeFacts } from './readme.ts';
import { exportSteps, type StepChoice, stepRecords } from './steps.ts';
import { genaiFolder, type Loader, loaderOf } from './usage.ts';

/**
 * A file to write: its parts in order, each of them bytes, a range of a file of the source folder,
 * or computed from such while it is written.
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
  root: ModelRoot;
  structure: Structure;
  config: { headSize: number | null; family: string };
}

export interface ExportOptions {
  /** Version of this application. */
  app: string;
  /** The current curve, or null. */
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
  const { folder, graphPath, root, structure } = opened;
  const removal = planRemoval(structure, removed);
  const steps = exportSteps(removal.units, options.steps ?? []);
  const model = exportedModel(opened, removal, steps);
  const kind = loaderOf((path) => root.folder.open(path) !== null);
  if (kind === 'transformers.js') nameHeadSize(model, structure, opened.config.headSize);

  const written = exportedGraph(withinTop(root, graphPath), steps, kind === 'genai');
  const [graph, ...data] = await graphFiles(folder, written, model, kind, options.partBytes);
  const dtype = writtenDtype(steps);
  const configs = await configFiles(opened, removal, {
    kind,
    graph: splitPath(written).name,
    parts: data.length,
    ...(dtype ? { precision: { dtype, caches: cacheType(structure, model) } } : {}),
  });
  const readme = await readmePath(folder, root);
  const { copied, leftOut } = await sortFiles(
    folder,
    root,
    new Set([...root.configs, graphPath, ...weightFiles(structure.model), root.top + readme]),
  );
  const provenance = await provenanceOf(opened, removal, steps, options);
  const text = exportReadme({
    provenance,
    removal,
    steps,
    graph: written,
    layout: kind,
    genai: genaiFolder((path) => configs.some((file) => file.path === path), written) ?? '',
    retyped: retypedValues(structure, model),
  });
  const files = [
    graph,
    ...data,
    ...configs,
    ...copied.map((file) => copy(file, withinTop(root, file.path))),
    whole(PROVENANCE_FILE, encode(writeProvenance(provenance))),
    whole(readme, encode(text)),
  ];
  return { files, graph: written, leftOut, provenance };
}

/** The graph file, and the data files of its weights. */
async function graphFiles(
  folder: Folder,
  graphPath: string,
  model: Model,
  kind: Loader,
  partBytes: number | undefined,
): Promise<[ManifestFile, ...ManifestFile[]]> {
  const { directory, name } = splitPath(graphPath);
  const layout = layOut(model.graph, dataFileName(name, kind === 'genai'), partBytes);
  const inner = await readInner(model, folder);
  const graph = encodeModel(model, (tensor, range, owner) => {
    const bytes = inner.get(tensor);
    return owner === 'initializer' && !bytes ? layout.place(range) : (bytes ?? fail(tensor.name));
  });
  return [
    whole(graphPath, graph),
    ...layout.files.map((file) => ({
      path: `${directory}${file.name}`,
      size: file.size,
      parts: file.parts,
    })),
  ];
}

/** The configs that the folder has, counting the blocks that keep their attention. */
async function configFiles(
  { folder, root }: ExportSource,
  { before, keptLayers }: Removal,
  { kind, ...written }: WrittenGraph & { kind: Loader },
): Promise<ManifestFile[]> {
  const files: ManifestFile[] = [];
  for (const path of root.configs) {
    const text = (await readText(folder, path, MAX_CONFIG_BYTES)) ?? '';
    const told = kind === 'transformers.js' ? written : null;
    const pruned = path.endsWith('genai_config.json')
      ? prunedGenaiConfig(text, before.length, keptLayers)
      : prunedConfigJson(text, before.length, keptLayers, told);
    files.push(whole(withinTop(root, path), encode(pruned)));
  }
  return files;
}

async function provenanceOf(
  { folder, graphPath, root, structure, config }: ExportSource,
  { units, remaining, complete, renumbering }: Removal,
  steps: readonly StepChoice[],
  options: ExportOptions,
): Promise<Provenance> {
  return {
    app: options.app,
    source: {
      name: root.folder.name,
      family: config.family,
      numBlocks: structure.blocks.length,
      ...(await identify({ folder, graphPath, root }, structure.model)),
    },
    removed: [...units],
    renumbering,
    ...(complete ? {} : { parts: remaining.map(({ sublayers }) => sublayers) }),
    score: options.score ?? null,
    plan: options.plan ?? null,
    ...(options.study ? { study: options.study } : {}),
    ...stepRecords(steps),
    versions: options.versions ?? {},
  };
}

/** Files that hold weights of the graph. */
function weightFiles({ graph, dataFiles = [] }: Model): string[] {
  const ranges = [...graph.initializers.values()].flatMap(({ data }) => rangesOf(data));
  return [...dataFiles, ...ranges.map(({ file }) => file)];
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

/** Which inputs and outputs have another element type than those of the original. */
function retypedValues({ model }: Structure, { graph }: Model): ReadmeFacts['retyped'] {
  const types = (of: Model['graph']): Set<number> =>
    new Set([...of.inputs, ...of.outputs].map(({ type }) => type));
  const [before, after] = [types(model.graph), types(graph)];
  if (before.has(DataType.float16) || !after.has(DataType.float16)) return null;
  return after.has(DataType.float) ? 'caches' : 'all';
}

/** README.md, or ESPALIER.md beside a README that is the user's. */
async function readmePath(folder: Folder, root: ModelRoot): Promise<string> {
  const theirs = folder.files.find(
    ({ path }) =>
      path.startsWith(root.top) && /^readme(\.(md|txt|rst))?$/i.test(path.slice(root.top.length)),
  );
  if (!theirs) return 'README.md';
  const start = await openFile(folder, theirs.path).read(
    0,
    Math.min(theirs.size, README_MARK.length),
  );
  return new TextDecoder().decode(start) === README_MARK
    ? withinTop(root, theirs.path)
    : 'ESPALIER.md';
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

function splitPath(path: string): { directory: string; name: string } {
  const slash = path.lastIndexOf('/') + 1;
  return { directory: path.slice(0, slash), name: path.slice(slash) };
}

function copy({ path, size }: FolderFile, written: string): ManifestFile {
  return { path: written, size, parts: [{ file: path, offset: 0, length: size }] };
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
