// Plans an export: every file as given bytes, byte ranges of the source and derived bytes. Configs
// and small constants are read, weights only while they are written.

import { EspalierError } from '../../errors.ts';
import { filesOf } from '../../onnx/bytes.ts';
import type { Model } from '../../onnx/graph.ts';
import type { Unit } from '../../units.ts';
import { isDataOf } from '../graphs/choices.ts';
import { filesOfGraph } from '../graphs/components.ts';
import { namedFiles } from '../graphs/genai.ts';
import { requireAlike } from '../healing/healedGraph.ts';
import { isGenai, withinTop } from '../open/root.ts';
import { fewBitsOf } from '../quantise/quantisedGraph.ts';
import { planRemoval, type Removal } from '../structure/removal.ts';
import { emptiedUnits } from '../width/emptied.ts';
import { exportedModel } from './apply.ts';
import { configFiles, provenanceOf, readmePath } from './beside.ts';
import { genaiConfigJson } from './configs/genaiConfig.ts';
import { narrowGenaiJson, narrowWidths } from './configs/width.ts';
import {
  architectureOf,
  cacheType,
  dtypesOf,
  hiddenRemarks,
  leftOutGraphs,
  nameHeadSize,
  retypedValues,
} from './facts.ts';
import { sortFiles } from './files.ts';
import { defaultFormat, type ExportFormat, formatObstacle } from './formats.ts';
import { copy, encode, graphFiles, type ManifestFile, splitPath, whole } from './graphFiles.ts';
import { requireHealable } from './healed.ts';
import { exportedGraph, graphWithin } from './names.ts';
import { requireOneWidth, requireWidth, widthRemarks } from './narrowed.ts';
import { PROVENANCE_FILE, writeProvenance } from './provenance.ts';
import { quantisedRemarks, requireQuantisable } from './quantised.ts';
import { exportReadme } from './readme.ts';
import type { ExportOptions, ExportSource, Manifest } from './request.ts';
import { precisionOf, requireApart } from './several.ts';
import { dtypeOf, exportSteps, quantisationOf, type StepChoice, widthOf } from './steps.ts';
import { tensorFilesManifest } from './tensorFiles/manifest.ts';
import { tensorPaths } from './tensorFiles/types.ts';
import { genaiFolder, loaderOf } from './usage.ts';

/**
 * The files of the model without the units `removed`, a README among them. Zero removals give the
 * same tensors byte for byte.
 * @throws EspalierError `bad-input` or `unsupported-graph` when these blocks cannot be removed or
 *   made narrower, a config is broken or cannot say a width, or several precisions are to be
 *   written in one; `missing-file`.
 */
export async function exportManifest(
  opened: ExportSource,
  removed: readonly Unit[],
  options: ExportOptions,
): Promise<Manifest> {
  const width = widthOf(options.steps ?? []);
  // What a width plan leaves nothing of is removed as a sublayer.
  const emptied = width ? emptiedUnits(opened.structure, width) : [];
  const removal = planRemoval(opened.structure, [...removed, ...emptied]);
  const steps = exportSteps(removal.units, options.steps ?? []);
  const further = (options.also ?? []).map((one) => exportSteps(removal.units, one));
  const format = requireFormat(opened, removal.units, [steps, ...further], options);
  for (const one of [steps, ...further]) {
    await requireHealable(opened, removal.units, one, options.others?.length ?? 0);
    await requireQuantisable(opened, removal.units, one);
    requireWidth(opened, removed, one, format, options.forRunning ?? false);
  }
  requireOneWidth([steps, ...further]);
  return format === 'onnx'
    ? onnxManifest(opened, removal, [steps, ...further], options)
    : tensorFilesManifest(opened, removal, format, steps, options);
}

/** The format of the export. @throws EspalierError `bad-input` where it cannot be written in it */
function requireFormat(
  { tensorSource }: ExportSource,
  removed: readonly Unit[],
  precisions: readonly StepChoice[][],
  { format: asked }: ExportOptions,
): ExportFormat {
  const source = tensorSource?.files.format ?? null;
  const format = asked ?? defaultFormat(source, precisions);
  const dtypes = precisions.flatMap((steps) => dtypeOf(steps) ?? []);
  const obstacle = formatObstacle(format, source, removed, dtypes);
  if (obstacle) throw new EspalierError('bad-input', obstacle.message, obstacle.hint);
  return format;
}

/** @param precisions the steps of each, removal first; the first is the one that configs name */
async function onnxManifest(
  opened: ExportSource,
  removal: Removal,
  precisions: [StepChoice[], ...StepChoice[][]],
  options: ExportOptions,
): Promise<Manifest> {
  const { folder, graphPath, root, structure, tensorSource } = opened;
  const [steps, ...further] = precisions;
  const removed = removal.units;
  const has = (path: string): boolean => root.folder.open(path) !== null;
  const source = graphWithin(opened, graphPath);
  const kind = loaderOf(has, source);
  const others = options.others ?? [];
  const nameOf = (one: readonly StepChoice[]): string =>
    exportedGraph(source, one, kind === 'genai');
  requireApart(precisions, nameOf, kind, others.length);
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
  const told = {
    parts,
    ...precisionOf(precisions, (k) => {
      const at = k * opened.decoders.length;
      return {
        caches: cacheType(structure, removal, models[at]!.model),
        ...dtypesOf(
          [...models.slice(at, at + opened.decoders.length), ...opened.components].map(
            ({ path }) => path,
          ),
        ),
      };
    }),
  };
  const width = widthOf(steps);
  const widths = width && narrowWidths(structure, width);
  const { files: configs, remarks: ofConfigs } = await configFiles(opened, removal, {
    widths,
    told: kind === 'transformers.js' ? told : null,
    graph: kind === 'transformers.js' ? written : null,
  });
  if (tensorSource) {
    const caches = removal.keptLayers.length;
    const text = await genaiConfigJson({ ...opened, folder: root.folder }, models[0]!, caches);
    configs.push(whole('genai_config.json', encode(narrowGenaiJson(text, widths))));
  }
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
      ...(tensorSource ? tensorPaths(tensorSource.files) : []),
      root.top + readme,
    ]),
    along,
  );
  const remarks = [
    ...hiddenRemarks(removal),
    ...new Set([steps, ...further].flatMap((one) => quantisedRemarks(opened, removal.units, one))),
    ...widthRemarks(opened, steps),
    ...ofConfigs,
  ];
  const also = further.map((one) => ({ graph: nameOf(one), steps: one.slice(1) }));
  const provenance = await provenanceOf(opened, removal, 'onnx', steps, also, options);
  const [{ copies }, ...moreFiles] = opened.decoders;
  const first = copies[0]!;
  const loading = {
    graph: written,
    components: [
      ...moreFiles.map(({ path }) => ({
        role: 'with-past',
        path: exportedGraph(graphWithin(opened, path), steps, kind === 'genai'),
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
    genai: genaiFolder((path) => configs.some((file) => file.path === path), written),
    remarks,
    retyped: retypedValues(structure, models[0]!.model),
  });
  const files = [
    ...graphs,
    ...configs,
    ...copied.map((file) => {
      const [path, made] = [withinTop(root, file.path), folder.made?.(file.path)];
      return made ? whole(path, made) : copy(file, path);
    }),
    whole(PROVENANCE_FILE, encode(writeProvenance(provenance))),
    whole(readme, encode(text)),
  ];
  return { format: 'onnx', files, graph: written, also, loading, leftOut, remarks, provenance };
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
  { root, decoders, tensorSource }: Pick<ExportSource, 'root' | 'decoders' | 'tensorSource'>,
  removed: readonly Unit[],
  steps: readonly StepChoice[],
): ExportedFile[] {
  const [{ copies: named }] = decoders;
  return decoders.map((file) => {
    const path = graphWithin({ root, tensorSource }, file.path);
    const genai = isGenai(root, path);
    const after = (some: readonly StepChoice[]): Model[] =>
      file.copies.map((structure) =>
        exportedModel(
          { structure, genai, named: named[0]! },
          planRemoval(structure, removed),
          some,
        ),
      );
    // Before they are converted: a copy may compute a weight's product in another precision.
    const healed = steps.findIndex(({ step }) => step === 'healing') + 1;
    if (healed > 0) requireAlike(after(steps.slice(0, healed)).map(({ graph }) => graph));
    const copies = after(steps);
    if (quantisationOf(steps)) requireAlike(copies.map(fewBitsOf));
    return {
      path: exportedGraph(path, steps, genai),
      model: file.assemble(copies),
      copies,
    };
  });
}

type FilesSource = Pick<
  ExportSource,
  'folder' | 'root' | 'components' | 'decoders' | 'tensorSource'
>;

const pathsOf = (decoders: readonly { path: string }[]): ReadonlySet<string> =>
  new Set(decoders.map(({ path }) => path));

/**
 * Weight files that travel with the decoder as they are: the model's other graphs with their data,
 * and what genai_config.json names.
 * @param edited paths of the decoders that are written anew.
 */
export async function filesAlong(
  { folder, root, components, decoders, tensorSource }: FilesSource,
  edited = pathsOf(decoders),
): Promise<string[]> {
  const there = new Set(folder.files.map(({ path }) => path));
  // Beside tensor files it is the config of another graph.
  const named = tensorSource ? [] : await namedFiles(folder, root.configs);
  const others = named.filter((path) => there.has(path) && !edited.has(path));
  const files = await Promise.all(others.map((path) => filesOfGraph(folder, path)));
  return [...new Set([...components.flatMap((component) => component.files), ...files.flat()])];
}
