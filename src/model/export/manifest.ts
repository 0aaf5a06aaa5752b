// Plans an export: every file as given bytes, byte ranges of the source and derived bytes. Configs
// and small constants are read, weights only while they are written.

import { EspalierError } from '../../errors.ts';
import { filesOf } from '../../onnx/bytes.ts';
import { encodeModel } from '../../onnx/codec.ts';
import type { Model } from '../../onnx/graph.ts';
import { type Bytes, type Folder, type FolderFile, openFile, readText } from '../../onnx/source.ts';
import type { Unit } from '../../units.ts';
import { isDataOf } from '../graphs/choices.ts';
import { filesOfGraph } from '../graphs/components.ts';
import type { ModelGraphs } from '../graphs/decoders.ts';
import { namedFiles } from '../graphs/genai.ts';
import { requireAlike } from '../healing/healedGraph.ts';
import { isGenai, type ModelRoot, withinTop } from '../open/root.ts';
import { MAX_CONFIG_BYTES, type ModelConfig } from '../structure/config.ts';
import { planRemoval, type Removal } from '../structure/removal.ts';
import { exportedModel } from './apply.ts';
import {
  configRemarks,
  prunedConfigJson,
  prunedGenaiConfig,
  type WrittenGraphs,
} from './config.ts';
import {
  architectureOf,
  cacheType,
  hiddenRemarks,
  leftOutGraphs,
  nameHeadSize,
  precisions,
  retypedValues,
} from './facts.ts';
import { sortFiles } from './files.ts';
import { requireHealable } from './healed.ts';
import { identify } from './identity.ts';
import { readInner } from './inPlace.ts';
import { dataFileName, layOut } from './layout.ts';
import { exportedGraph, writtenDtype } from './names.ts';
import type { Provenance } from './provenance.ts';
import { PROVENANCE_FILE, writeProvenance } from './provenance.ts';
import type { StudyRecord } from './provenanceStudy.ts';
import { exportReadme, README_MARK } from './readme.ts';
import { exportSteps, type StepChoice, stepRecords } from './steps.ts';
import { genaiFolder, type Loader, loaderOf, type UsedGraphs } from './usage.ts';

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
  /** Path of the decoder graph within the export. */
  graph: string;
  /** What a loader needs to know. */
  loading: UsedGraphs;
  /** Files of the source that the export does not have: other graphs and their weights. */
  leftOut: string[];
  /** What else changed, as sentences: outputs that are gone, what a config cannot say. */
  remarks: string[];
  provenance: Provenance;
}

/** What an export needs of an opened model. */
export interface ExportSource
  extends Pick<ModelGraphs, 'structure' | 'decoders' | 'components' | 'whole'> {
  folder: Folder;
  graphPath: string;
  root: ModelRoot;
  config: Pick<ModelConfig, 'headSize' | 'family' | 'raw'>;
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
  /** Other precisions of the same model, which lose the same units. */
  others?: readonly ExportSource[];
  /** Most bytes of one data file; tests make it small. */
  partBytes?: number;
}

/**
 * The files of the model without the units `removed`, a README among them. Zero removals give the
 * same tensors byte for byte.
 * @throws EspalierError `bad-input` or `unsupported-graph` when these blocks cannot be removed, a
 *   config is broken, or several precisions are to be written in one; `missing-file`.
 */
export async function exportManifest(
  opened: ExportSource,
  removed: readonly Unit[],
  options: ExportOptions,
): Promise<Manifest> {
  const { folder, graphPath, root, structure } = opened;
  const removal = planRemoval(structure, removed);
  const steps = exportSteps(removal.units, options.steps ?? []);
  if (options.others?.length && writtenDtype(steps))
    throw new EspalierError(
      'bad-input',
      `${options.others.length + 1} precisions cannot all be written as ${writtenDtype(steps)}.`,
      'Write every precision as it is, or one of them in another precision.',
    );
  await requireHealable(opened, removal.units, steps, options.others?.length ?? 0);
  const sources = [opened, ...(options.others ?? [])];
  const models = sources.flatMap((source) => exportedFiles(source, removed, steps));
  const kind = loaderOf((path) => root.folder.open(path) !== null);
  const written = exportedGraph(withinTop(root, graphPath), steps, kind === 'genai');
  const graphs: ManifestFile[] = [];
  const parts: Record<string, number> = {};
  const edited = pathsOf(sources.flatMap(({ decoders }) => decoders));
  // Several precisions may take the same files along.
  const along = new Set(
    (await Promise.all(sources.map((source) => filesAlong(source, edited)))).flat(),
  );
  const taken = new Set([...along].map((path) => withinTop(root, path)));
  for (const { path, model } of models) {
    if (kind === 'transformers.js') nameHeadSize(model, structure, removal, opened.config.headSize);
    const { files, dataFiles } = await graphFiles(folder, path, model, {
      kind,
      taken,
      partBytes: options.partBytes,
    });
    graphs.push(...files);
    parts[splitPath(path).name] = dataFiles;
  }
  for (const { path } of sources.flatMap(({ components }) => components))
    parts[splitPath(path).name] ??= [...along].filter((file) => isDataOf(file, path)).length;
  const dtype = writtenDtype(steps);
  const { files: configs, remarks: ofConfigs } = await configFiles(opened, removal, {
    kind,
    parts,
    ...(dtype
      ? {
          precision: {
            dtype,
            caches: cacheType(structure, removal, models[0]!.model),
            ...precisions([...models, ...opened.components].map(({ path }) => path)),
          },
        }
      : {}),
  });
  const readme = await readmePath(folder, root);
  const { copied, leftOut } = await sortFiles(
    folder,
    root,
    new Set([
      ...root.configs,
      ...sources.flatMap(({ decoders }) =>
        decoders.flatMap(({ path, model }) => [
          path,
          // Another graph of the model may keep its weights in the same file.
          ...filesOf(model).filter((file) => !along.has(file)),
        ]),
      ),
      root.top + readme,
    ]),
    along,
  );
  const remarks = [...hiddenRemarks(removal), ...ofConfigs];
  const provenance = await provenanceOf(opened, removal, steps, options);
  const [{ copies }, ...moreFiles] = opened.decoders;
  const first = copies[0]!;
  const loading = {
    graph: written,
    components: [
      ...moreFiles.map(({ path }) => ({ role: 'with-past', path: withinTop(root, path) })),
      ...opened.components.map(({ role, path }) => ({ role, path: withinTop(root, path) })),
    ],
    architecture: architectureOf(opened.config.raw.config),
  };
  const text = exportReadme({
    provenance,
    removal,
    steps,
    fewBits: first.graph.nodes.some(({ op }) => /^(MatMulNBits|DequantizeLinear)$/.test(op)),
    others: (options.others ?? []).map((other) => withinTop(root, other.graphPath)),
    ...loading,
    embeddings: first.embedsInput ? first.tokenInput : null,
    branch: opened.decoders.length > 1 ? null : (opened.whole.merged?.switch ?? null),
    leftOut: leftOutGraphs(leftOut),
    layout: kind,
    genai: genaiFolder((path) => configs.some((file) => file.path === path), written) ?? '',
    remarks,
    retyped: retypedValues(structure, models[0]!.model),
  });
  const files = [
    ...graphs,
    ...configs,
    ...copied.map((file) => copy(file, withinTop(root, file.path))),
    whole(PROVENANCE_FILE, encode(writeProvenance(provenance))),
    whole(readme, encode(text)),
  ];
  return { files, graph: written, loading, leftOut, remarks, provenance };
}

/** A decoder file of an export. */
export interface ExportedFile {
  /** Path within the export. */
  path: string;
  model: Model;
  /** The decoders in it, in the order of `DecoderFile.copies`. */
  copies: Model[];
}

/**
 * The decoder files without the units `removed`, after `steps`.
 * @throws EspalierError as `planRemoval` and `exportedModel`
 */
export function exportedFiles(
  { root, decoders }: Pick<ExportSource, 'root' | 'decoders'>,
  removed: readonly Unit[],
  steps: readonly StepChoice[],
): ExportedFile[] {
  const genai = isGenai(root);
  const [{ copies: named }] = decoders;
  return decoders.map((file) => {
    const after = (some: readonly StepChoice[]): Model[] =>
      file.copies.map((structure) =>
        exportedModel({ structure, root, named: named[0]! }, planRemoval(structure, removed), some),
      );
    // Before they are converted: a copy may compute a weight's product in another precision.
    const healed = steps.findIndex(({ step }) => step === 'healing') + 1;
    if (healed > 0) requireAlike(after(steps.slice(0, healed)).map(({ graph }) => graph));
    const copies = after(steps);
    return {
      path: exportedGraph(withinTop(root, file.path), steps, genai),
      model: file.assemble(copies),
      copies,
    };
  });
}

type FilesSource = Pick<ExportSource, 'folder' | 'root' | 'components' | 'decoders'>;

const pathsOf = (decoders: readonly { path: string }[]): ReadonlySet<string> =>
  new Set(decoders.map(({ path }) => path));

/**
 * Weight files that travel with the decoder as they are: the model's other graphs with their data,
 * and what genai_config.json names.
 * @param edited paths of the decoders that are written anew.
 */
export async function filesAlong(
  { folder, root, components, decoders }: FilesSource,
  edited = pathsOf(decoders),
): Promise<string[]> {
  const there = new Set(folder.files.map(({ path }) => path));
  const named = await namedFiles(folder, root.configs);
  const others = named.filter((path) => there.has(path) && !edited.has(path));
  const files = await Promise.all(others.map((path) => filesOfGraph(folder, path)));
  return [...new Set([...components.flatMap((component) => component.files), ...files.flat()])];
}

/**
 * The graph file and the data files of its weights, none under a name that is `taken`.
 * @returns with the number of names up to the last data file, as loaders count them
 */
async function graphFiles(
  folder: Folder,
  graphPath: string,
  model: Model,
  options: { kind: Loader; taken: ReadonlySet<string>; partBytes: number | undefined },
): Promise<{ files: ManifestFile[]; dataFiles: number }> {
  const { directory, name } = splitPath(graphPath);
  const nameOf = dataFileName(name, options.kind === 'genai');
  let dataFiles = 0;
  const free = (): string => {
    while (options.taken.has(directory + nameOf(dataFiles))) dataFiles++;
    return nameOf(dataFiles++);
  };
  const layout = layOut(model.graph, free, options.partBytes);
  const inner = await readInner(model, folder);
  const graph = encodeModel(model, (tensor, range, owner) => {
    const bytes = inner.get(tensor);
    return owner === 'initializer' && !bytes ? layout.place(range) : (bytes ?? fail(tensor.name));
  });
  const data = layout.files.map((file) => ({
    path: `${directory}${file.name}`,
    size: file.size,
    parts: file.parts,
  }));
  return { files: [whole(graphPath, graph), ...data], dataFiles };
}

/**
 * The configs that the folder has, counting the blocks that keep their attention, and what they
 * cannot say.
 */
async function configFiles(
  { folder, root }: ExportSource,
  { before, keptLayers }: Removal,
  { kind, ...written }: WrittenGraphs & { kind: Loader },
): Promise<{ files: ManifestFile[]; remarks: string[] }> {
  const files: ManifestFile[] = [];
  const remarks: string[] = [];
  for (const path of root.configs) {
    const text = (await readText(folder, path, MAX_CONFIG_BYTES)) ?? '';
    const told = kind === 'transformers.js' ? written : null;
    const isGenai = path.endsWith('genai_config.json');
    const pruned = isGenai
      ? prunedGenaiConfig(text, before.length, keptLayers)
      : prunedConfigJson(text, before.length, keptLayers, told);
    if (!isGenai) remarks.push(...configRemarks(text, before.length, keptLayers));
    files.push(whole(withinTop(root, path), encode(pruned)));
  }
  return { files, remarks: [...new Set(remarks)] };
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
