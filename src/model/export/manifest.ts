// Plans an export: every file as given bytes, byte ranges of the source and derived bytes. Configs
// and small constants are read, weights only while they are written.

import { filesOf } from '../../onnx/bytes.ts';
import type { Model } from '../../onnx/graph.ts';
import { type Folder, openFile, readText } from '../../onnx/source.ts';
import type { Unit } from '../../units.ts';
import { isDataOf } from '../graphs/choices.ts';
import { filesOfGraph } from '../graphs/components.ts';
import type { ModelGraphs } from '../graphs/decoders.ts';
import { namedFiles } from '../graphs/genai.ts';
import { requireAlike } from '../healing/healedGraph.ts';
import { isGenai, type ModelRoot, withinTop } from '../open/root.ts';
import { fewBitsOf } from '../quantise/quantisedGraph.ts';
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
import { copy, encode, graphFiles, type ManifestFile, splitPath, whole } from './graphFiles.ts';
import { requireHealable } from './healed.ts';
import { identify } from './identity.ts';
import { exportedGraph } from './names.ts';
import type { Provenance } from './provenance.ts';
import { PROVENANCE_FILE, writeProvenance } from './provenance.ts';
import type { StudyRecord } from './provenanceStudy.ts';
import { quantisedRemarks, requireQuantisable } from './quantised.ts';
import { exportReadme, README_MARK } from './readme.ts';
import { precisionOf, requireApart } from './several.ts';
import { exportSteps, quantisationOf, type StepChoice, stepRecords } from './steps.ts';
import { genaiFolder, type Loader, loaderOf, type UsedGraphs } from './usage.ts';

export interface Manifest {
  files: ManifestFile[];
  /** Path of the decoder graph within the export. */
  graph: string;
  /** The further precisions of it, each with its steps after the removal. */
  also: { graph: string; steps: StepChoice[] }[];
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
  /**
   * Further precisions of the same graph: the steps after the removal that make each of them. What
   * `steps` make is the one that the configs and the README name first.
   */
  also?: readonly (readonly StepChoice[])[];
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
  const further = (options.also ?? []).map((one) => exportSteps(removal.units, one));
  const kind = loaderOf((path) => root.folder.open(path) !== null);
  const others = options.others ?? [];
  const nameOf = (one: readonly StepChoice[]): string =>
    exportedGraph(withinTop(root, graphPath), one, kind === 'genai');
  requireApart([steps, ...further], nameOf, kind, others.length);
  for (const one of [steps, ...further]) {
    await requireHealable(opened, removal.units, one, others.length);
    await requireQuantisable(opened, removal.units, one);
  }
  const sources = [opened, ...others];
  const models = [
    ...sources.flatMap((source) => exportedFiles(source, removed, steps)),
    ...further.flatMap((one) => exportedFiles(opened, removed, one)),
  ];
  const written = nameOf(steps);
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
  const { files: configs, remarks: ofConfigs } = await configFiles(opened, removal, {
    kind,
    parts,
    ...precisionOf([steps, ...further], (k) => {
      const at = k * opened.decoders.length;
      return {
        caches: cacheType(structure, removal, models[at]!.model),
        ...precisions(
          [...models.slice(at, at + opened.decoders.length), ...opened.components].map(
            ({ path }) => path,
          ),
        ),
      };
    }),
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
  const remarks = [
    ...hiddenRemarks(removal),
    ...new Set([steps, ...further].flatMap((one) => quantisedRemarks(opened, removal.units, one))),
    ...ofConfigs,
  ];
  const also = further.map((one) => ({ graph: nameOf(one), steps: one.slice(1) }));
  const provenance = await provenanceOf(opened, removal, steps, also, options);
  const [{ copies }, ...moreFiles] = opened.decoders;
  const first = copies[0]!;
  const loading = {
    graph: written,
    components: [
      ...moreFiles.map(({ path }) => ({
        role: 'with-past',
        path: exportedGraph(withinTop(root, path), steps, kind === 'genai'),
      })),
      ...opened.components.map(({ role, path }) => ({ role, path: withinTop(root, path) })),
    ],
    architecture: architectureOf(opened.config.raw.config),
  };
  const text = exportReadme({
    provenance,
    removal,
    steps,
    fewBits: first.graph.nodes.some(({ op }) => /^(MatMulNBits|DequantizeLinear)$/.test(op)),
    others: others.map((other) => withinTop(root, other.graphPath)),
    also,
    ...loading,
    embeddings: first.embedsInput ? first.tokenInput : null,
    branch: opened.decoders.length > 1 ? null : (opened.whole.merged?.switch ?? null),
    // A graph of the source may have the name of one that is written.
    leftOut: leftOutGraphs(leftOut).filter((path) => !graphs.some((made) => made.path === path)),
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
  return { files, graph: written, also, loading, leftOut, remarks, provenance };
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
    if (quantisationOf(steps)) requireAlike(copies.map(fewBitsOf));
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
  also: Manifest['also'],
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
    ...(also.length > 0
      ? { also: also.map((one) => ({ graph: one.graph, ...stepRecords(one.steps) })) }
      : {}),
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
