// Summarizes the structure of a model as plain data: blocks, sizes, what is unsupported.

import { filesOf, storedLength } from '../../onnx/bytes.ts';
import { DataType, type Model } from '../../onnx/graph.ts';
import type { Folder } from '../../onnx/source.ts';
import { type Sublayer, sublayerUnit } from '../../units.ts';
import type { ModelGraphs } from '../graphs/decoders.ts';
import { declaredBlocks } from '../interop/declared.ts';
import type { TensorSource } from '../make/weights.ts';
import { structuralClasses } from '../programs/classes.ts';
import type { ModelConfig } from '../structure/config.ts';
import { lendersOf } from '../structure/removeCaches.ts';
import { removalObstacle } from '../structure/removeGraph.ts';
import { graphSizes } from '../structure/sizes.ts';
import type { Block, Structure } from '../structure/structure.ts';
import { exportBytes } from './entries.ts';
import { placeholderIds } from './placeholders.ts';
import { findProblems } from './problems.ts';
import { isGenai, type ModelPlace, type ModelRoot, withinTop } from './root.ts';
import { stateBytes } from './states.ts';
import type { BlockSummary, ModelSummary, Size } from './summary.ts';
import { storedEntries, tensorFacts } from './tensors/summary.ts';
import { type StoredWeight, storageKey, storedWeights } from './weights.ts';

const TYPE_NAMES = new Map<number, string>(
  Object.entries(DataType).map(([name, type]) => [type, name]),
);

/**
 * Everything that the page and `inspect` show about a model before any weight is read.
 * @param source the tensor files that the graph was made for, whose bytes count then
 */
export function summarize(
  { folder, graphPath, root }: ModelPlace,
  graphs: ModelGraphs,
  config: ModelConfig,
  source: TensorSource | null = null,
): ModelSummary {
  const { structure } = graphs;
  const n = structure.blocks.length;
  const weights = distinct(storedWeights(structure));
  const byRegion = ofOneRegion(weights);
  const classes = structuralClasses(structure);
  const sizes = graphSizes(structure);
  const states = structure.blocks.map((b) => stateBytes(structure, b, config, sizes));
  const facts = source
    ? tensorFacts(folder, config, source)
    : graphFacts({ folder, graphPath, root }, graphs, weights);
  const written = source
    ? { total: facts.bytes, entries: storedEntries(source, n), feedForward: [] }
    : exportBytes({ ...graphs, folder, root });
  const { entries, feedForward } = written;
  const blocks = structure.blocks.map((b): BlockSummary => {
    const own = byRegion.get(b.index + 1) ?? [];
    return {
      index: b.index,
      class: classes[b.index] ?? 0,
      hasSublayers: b.mid !== null,
      ...sublayerSizes(b, own),
      kvBytesPerToken: states[b.index]?.kvBytesPerToken ?? null,
      graphBytes: entries[b.index] ?? 0,
      ...(b.mid === null ? {} : { feedForwardGraphBytes: feedForward[b.index] ?? 0 }),
      ...(b.unremovable === null ? {} : { unremovable: b.unremovable }),
      ...borrowersOf(structure, b),
      ...stuckSublayers(structure, b),
      ...(b.lacks === null ? {} : { lacks: b.lacks }),
      ...sum(own),
    };
  });
  const isHead = (w: StoredWeight): boolean => w.regions.size === 1 && w.regions.has(n + 1);
  const inBlock = (w: StoredWeight): boolean =>
    w.regions.size === 1 && !w.regions.has(0) && !w.regions.has(n + 1);
  const shared = weights.filter((w) => !isHead(w) && !inBlock(w));
  const tied = shared.some(
    (w) => w.params > 0 && w.tensor.dims.length > 1 && w.regions.has(0) && w.regions.has(n + 1),
  );
  const { hiddenSize, vocabSize } = config;
  const placeholders = placeholderIds(structure, config);
  const { canScore, problems } = findProblems(
    { structure, config, summary: { hiddenSize, vocabSize } },
    classes,
  );
  const all = sum(weights);
  const components = componentSizes(folder, graphs);
  return {
    name: root.folder.name,
    family: config.family,
    exporter: facts.exporter,
    layout: facts.layout,
    graph: graphPath,
    dtype: facts.dtype,
    ...(source ? { graphDtype: dtypeOf(structure, weights) } : {}),
    nodes: structure.model.graph.nodes.length,
    numBlocks: n,
    blocks,
    embedding: sum(shared),
    head: { ...sum(weights.filter(isHead)), tied },
    params: all.params,
    ...(components.length > 0 ? { components } : {}),
    bytes: facts.bytes,
    exportBytes: written.total,
    kvBytesPerToken: total(blocks.map((b) => b.kvBytesPerToken)),
    otherStates: states.flatMap((s) => s.fixed),
    cuts: [...structure.cuts],
    midCuts: structure.blocks.map((b) => b.mid),
    sideValues: structure.sideValues.map((v) => ({
      ...v,
      type: typeName(structure.typeOf(v.name)),
    })),
    hiddenSize,
    vocabSize,
    ...(placeholders.length > 0 ? { placeholders } : {}),
    contextLength: config.contextLength,
    declared: declaredBlocks(config, n),
    canScore,
    problems: [
      ...problems,
      ...(graphs.embeddingObstacle === null
        ? []
        : [{ code: 'embedding', message: graphs.embeddingObstacle }]),
      ...(config.differences ?? []).map((message) => ({ code: 'config-differs', message })),
    ],
  };
}

/** What the files of a graph say of themselves. */
const graphFacts = (
  { folder, graphPath, root }: ModelPlace,
  graphs: ModelGraphs,
  weights: readonly StoredWeight[],
): Pick<ModelSummary, 'exporter' | 'layout' | 'dtype' | 'bytes'> => ({
  exporter: exporterOf(graphs.structure.model),
  layout: layoutOf(root, graphPath),
  dtype: dtypeOf(graphs.structure, weights),
  bytes: fileBytes(folder, graphs),
});

/** Weights that one region alone reads, by region. */
function ofOneRegion(weights: readonly StoredWeight[]): Map<number, StoredWeight[]> {
  const found = new Map<number, StoredWeight[]>();
  for (const weight of weights) {
    if (weight.regions.size !== 1) continue;
    for (const region of weight.regions) {
      const list = found.get(region);
      if (list) list.push(weight);
      else found.set(region, [weight]);
    }
  }
  return found;
}

/** Sizes of the two sublayers, null where they cannot be separated or one is missing. */
function sublayerSizes(
  { mid, lacks }: Block,
  weights: readonly StoredWeight[],
): Pick<BlockSummary, 'attention' | 'feedForward'> {
  if (mid === null)
    return {
      attention: lacks === 'ffn' ? sum(weights) : null,
      feedForward: lacks === 'attn' ? sum(weights) : null,
    };
  return {
    attention: sum(weights.filter((w) => w.sublayer === 'attention')),
    feedForward: sum(weights.filter((w) => w.sublayer !== 'attention')),
  };
}

/** The blocks that read the cache of this one, where it can be removed together with them. */
function borrowersOf(structure: Structure, { index }: Block): Pick<BlockSummary, 'borrowers'> {
  const borrowers = lendersOf(structure)[index]?.borrowers ?? [];
  const together = borrowers.length > 0 && removalObstacle(structure, [index, ...borrowers]);
  return together === null ? { borrowers } : {};
}

/** Why sublayers cannot be removed alone, for blocks whose sublayers can be separated. */
function stuckSublayers(
  structure: Structure,
  { index, mid }: Block,
): Pick<BlockSummary, 'unremovableSublayers'> {
  const sublayers: Partial<Record<Sublayer, string>> = {};
  for (const sublayer of mid === null ? [] : (['attn', 'ffn'] as const)) {
    const why = removalObstacle(structure, [sublayerUnit(index, sublayer)]);
    if (why !== null) sublayers[sublayer] = why;
  }
  return Object.keys(sublayers).length > 0 ? { unremovableSublayers: sublayers } : {};
}

/** The ONNX name of an element type in lower case, or "unknown". */
function typeName(type: number): string {
  return type === 0 ? 'unknown' : (TYPE_NAMES.get(type) ?? `type ${type}`);
}

function sum(weights: readonly StoredWeight[]): Size {
  let params = 0;
  let bytes = 0;
  for (const w of weights) {
    params += w.params;
    bytes += storedLength(w.tensor.data);
  }
  return { params, bytes };
}

/** Merges tensors over the same bytes into one with all of their readers. */
function distinct(weights: readonly StoredWeight[]): StoredWeight[] {
  const found = new Map<string, StoredWeight & { regions: Set<number> }>();
  for (const w of weights) {
    const key = storageKey(w.tensor);
    const same = found.get(key);
    if (!same) {
      found.set(key, { ...w, regions: new Set(w.regions) });
      continue;
    }
    same.params = Math.max(same.params, w.params);
    for (const region of w.regions) same.regions.add(region);
    if (same.sublayer !== w.sublayer) same.sublayer = 'both';
  }
  return [...found.values()];
}

/** Bytes of all graph files of the model and of the data files that belong to them. */
function fileBytes(folder: Folder, { decoders, components, whole }: ModelGraphs): number {
  return bytesOf(folder, [
    ...decoders.map(({ path }) => path),
    ...[...decoders, whole].flatMap(({ model }) => filesOf(model)),
    ...components.flatMap(({ files }) => files),
  ]);
}

/** Bytes of files, each once. */
function bytesOf(folder: Folder, paths: readonly string[]): number {
  return [...new Set(paths)].reduce((sum, path) => sum + (folder.open(path)?.size ?? 0), 0);
}

/** The graphs beside the decoder with the bytes of their files. */
function componentSizes(
  folder: Folder,
  { components }: ModelGraphs,
): NonNullable<ModelSummary['components']> {
  return components.map(({ role, path, files }) => ({
    role,
    path,
    bytes: bytesOf(folder, files),
  }));
}

function layoutOf(root: ModelRoot, graphPath: string): ModelSummary['layout'] {
  const isInOnnx = withinTop(root, graphPath).startsWith('onnx/');
  if (isGenai(root, withinTop(root, graphPath))) return 'genai';
  return isInOnnx ? 'transformers.js' : 'flat';
}

/** The exporter by the producer fields of the model; for display only. */
function exporterOf(model: Model): string {
  const dynamo = model.graph.nodes.some((n) => n.outputs.some((o) => /^val_\d+$/.test(o)));
  const name =
    model.producerName === 'pytorch'
      ? `torch ${dynamo ? 'dynamo' : 'TorchScript'} exporter`
      : model.producerName;
  return [name || 'unknown', model.producerVersion].filter(Boolean).join(' ');
}

/** fp32, fp16, bf16, q4, q8, int8 ...: how weights are stored, with f16 for float16 activations. */
function dtypeOf(structure: Structure, weights: readonly StoredWeight[]): string {
  const params = new Map<string, number>();
  for (const w of weights) {
    const kind = storedAs(w);
    params.set(kind, (params.get(kind) ?? 0) + w.params);
  }
  for (const kind of ['q2', 'q4', 'q8']) {
    if ((params.get(kind) ?? 0) > 0)
      return structure.typeOf(structure.cuts[0] ?? '') === DataType.float16 ? `${kind}f16` : kind;
  }
  const bytes = Math.max(params.get('int8') ?? 0, params.get('uint8') ?? 0);
  if (bytes > 0) return params.get('int8') === bytes ? 'int8' : 'uint8';
  const [most] = [...params].sort((a, b) => b[1] - a[1]);
  return most?.[0] ?? 'unknown';
}

function storedAs(w: StoredWeight): string {
  if (w.bits === 2 || w.bits === 4 || (w.packed && w.bits === 8)) return `q${w.bits}`;
  switch (w.tensor.type) {
    case DataType.float:
      return 'fp32';
    case DataType.float16:
      return 'fp16';
    case DataType.bfloat16:
      return 'bf16';
    case DataType.double:
      return 'fp64';
    case DataType.uint8:
      return 'uint8';
    default:
      return 'int8';
  }
}

/** Null when one of the numbers is unknown. */
function total(numbers: readonly (number | null)[]): number | null {
  return numbers.reduce((sum, n) => (sum === null || n === null ? null : sum + n), 0);
}
