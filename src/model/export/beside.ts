// What an export has beside its weights: configs that count the blocks that are left, espalier.json
// and a README.

import type { Folder } from '../../onnx/source.ts';
import { openFile, readText } from '../../onnx/source.ts';
import { type ModelRoot, withinTop } from '../open/root.ts';
import { MAX_CONFIG_BYTES } from '../structure/config.ts';
import type { Removal } from '../structure/removal.ts';
import {
  configRemarks,
  languageConfigJson,
  prunedConfigJson,
  prunedGenaiConfig,
  type WrittenGraphs,
} from './configs/config.ts';
import { type NarrowWidths, narrowConfigJson, narrowGenaiJson } from './configs/width.ts';
import type { ExportFormat } from './formats.ts';
import { encode, type ManifestFile, whole } from './graphFiles.ts';
import { identify } from './identity.ts';
import type { Provenance } from './provenance.ts';
import { README_MARK } from './readme.ts';
import type { ExportOptions, ExportSource, Manifest } from './request.ts';
import { type StepChoice, stepRecords } from './steps.ts';
import { checkpointConfig } from './tensorFiles/config.ts';

/** What configs are told of the graphs of an export. */
interface ToldConfigs {
  /** For transformers.js; null leaves its settings alone. */
  told: WrittenGraphs | null;
  /** Path of the graph that genai_config.json shall name; null leaves its name. */
  graph: string | null;
  /** Of every block, where they are narrower; null where they are as in the source. */
  widths: NarrowWidths | null;
}

/**
 * The configs of the source, counting the blocks that keep their attention, and what they cannot
 * say. Beside tensor files genai_config.json is that of another graph, and is left out.
 * @param graphs of an export in ONNX, which has the text model of a larger checkpoint alone; null
 *   for tensor files
 */
export async function configFiles(
  { folder, root, config, tensorSource }: ExportSource,
  { before: { length: n }, keptLayers }: Removal,
  graphs: ToldConfigs | null,
): Promise<{ files: ManifestFile[]; remarks: string[] }> {
  const files: ManifestFile[] = [];
  const remarks: string[] = [];
  for (const path of root.configs) {
    const isGenai = path.endsWith(GENAI_CONFIG);
    // What was made when tensor files were opened is in them.
    if (tensorSource && (isGenai || (!graphs && folder.made?.(path)))) continue;
    const read = (await readText(folder, path, MAX_CONFIG_BYTES)) ?? '';
    const text = tensorSource && graphs && !isGenai ? languageConfigJson(read) : read;
    const written = withinTop(root, path);
    if (isGenai) {
      const graph = written === GENAI_CONFIG ? graphs?.graph : null;
      const own = prunedGenaiConfig(text, n, keptLayers, graph);
      files.push(whole(written, encode(narrowGenaiJson(own, graphs?.widths ?? null))));
      continue;
    }
    const pruned = graphs
      ? {
          text: narrowConfigJson(prunedConfigJson(text, n, keptLayers, graphs.told), graphs.widths),
          remarks: configRemarks(text, n, keptLayers),
        }
      : checkpointConfig(text, config, n, keptLayers);
    files.push(whole(written, encode(pruned.text)));
    remarks.push(...pruned.remarks);
  }
  return { files, remarks: [...new Set(remarks)] };
}

const GENAI_CONFIG = 'genai_config.json';

export async function provenanceOf(
  { folder, graphPath, root, structure, config, tensorSource }: ExportSource,
  { units, remaining, complete, renumbering }: Removal,
  format: ExportFormat,
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
      ...(await identify({ folder, graphPath, root, tensorSource }, structure.model)),
    },
    ...(format === 'onnx' ? {} : { written: format }),
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
export async function readmePath(folder: Folder, root: ModelRoot): Promise<string> {
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
