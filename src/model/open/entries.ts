// Predicts the bytes of an export, in all and per block, without reading weights.

import { EspalierError } from '../../errors.ts';
import { keyOf } from '../../onnx/bytes.ts';
import { dependencies } from '../../onnx/captures.ts';
import { encodedGraphLength, encodeModel, type PlaceTensor } from '../../onnx/codec.ts';
import {
  elementBits,
  type Graph,
  type Model,
  type Node,
  type Tensor,
  type ValueInfo,
} from '../../onnx/graph.ts';
import type { Folder } from '../../onnx/source.ts';
import { exportedModel } from '../export/apply.ts';
import { type DataLayout, dataFileName, innerRanges, layOut } from '../export/layout.ts';
import { exportedGraph } from '../export/names.ts';
import { exportSteps, type StepChoice } from '../export/steps.ts';
import type { ModelGraphs } from '../graphs/decoders.ts';
import { planRemoval } from '../structure/removal.ts';
import type { Structure } from '../structure/structure.ts';
import { feedForwardNodes } from '../structure/sublayers.ts';
import { isGenai, type ModelRoot, withinTop } from './root.ts';
import type { WrittenSizes } from './size.ts';

/** Predicted bytes of an export, which drops node metadata and dead nodes of the source. */
export interface ExportBytes {
  /** Graph files and data files of all graphs of the model when no block is removed. */
  total: number;
  /**
   * Per block: its nodes, names, tensor entries and state declarations in the graph file, and the
   * padding before its weights, but not the weights; those of a second file with the decoder count
   * here.
   */
  entries: number[];
  /** The share of the feed-forward sublayer in `entries`; 0 when sublayers cannot be separated. */
  feedForward: number[];
  /** Weights that one sublayer alone reads: attention and feed-forward of each block. */
  weights: { attention: number; feedForward: number }[];
  /** Per block, bytes of an element of its KV caches relative to the source; 1 without caches. */
  cacheRatio: number[];
}

/** What is measured: a model of one or several graphs. */
interface Measured extends Pick<ModelGraphs, 'decoders' | 'components'> {
  folder: Folder;
  root: ModelRoot;
}

/**
 * Makes the graphs of an export without removals and measures them. Linear in the number of nodes.
 * @param steps further steps of the export; none by default.
 */
export function exportBytes(
  { folder, root, decoders, components }: Measured,
  steps: readonly StepChoice[] = [],
): ExportBytes {
  const genai = isGenai(root, withinTop(root, decoders[0].path));
  const along = folder.files.filter(({ path }) =>
    components.some(({ files }) => files.includes(path)),
  );
  const parts = decoders.flatMap((file, k) => {
    const named = decoders[0].copies[0]!;
    const models = file.copies.map((copy) => modelToExport(copy, genai, steps, named));
    const model = file.assemble(models);
    const written = exportedGraph(file.path, steps, genai);
    const nameOf = dataFileName(written.slice(written.lastIndexOf('/') + 1), genai);
    let files = 0;
    const layout = layOut(model.graph, () => nameOf(files++));
    const inner = new Set(innerRanges(model.graph));
    const place: PlaceTensor = (tensor, range, owner) =>
      owner === 'initializer' && !inner.has(tensor) ? layout.place(range) : new Uint8Array(0);
    const total = layout.files.reduce(
      (n, { size }) => n + size,
      encodeModel(model, place).length + inlineBytes(model.graph),
    );
    return file.copies.map((copy, at) => ({
      total: at === 0 ? total : 0,
      /** Weights of a second file are no part of the summary's; branches share theirs. */
      again: k > 0 && at === 0,
      ...copyBytes(copy, models[at]!, layout, place),
    }));
  });
  const [first] = parts as [(typeof parts)[number]];
  const entriesOf = (part: (typeof parts)[number], b: number): number =>
    part.entries[b]! + (part.again ? part.weights[b]!.attention + part.weights[b]!.feedForward : 0);
  const feedForwardOf = (part: (typeof parts)[number], b: number): number =>
    part.feedForward[b]! + (part.again ? part.weights[b]!.feedForward : 0);
  const sum = (of: (part: (typeof parts)[number]) => number): number =>
    parts.reduce((n, part) => n + of(part), 0);
  return {
    total: sum((part) => part.total) + along.reduce((n, { size }) => n + size, 0),
    entries: first.entries.map((_, b) => sum((part) => entriesOf(part, b))),
    feedForward: first.entries.map((_, b) => sum((part) => feedForwardOf(part, b))),
    weights: first.weights,
    cacheRatio: first.cacheRatio,
  };
}

/** The bytes of one decoder in an export, by block and sublayer. */
function copyBytes(
  structure: Structure,
  model: Model,
  layout: DataLayout,
  place: PlaceTensor,
): Omit<ExportBytes, 'total'> {
  const regionOf = regions(structure);
  const known = knownValue(model.graph, structure);

  // One graph for each sublayer: attention and feed-forward of block 0, of block 1, and so on.
  const sublayers = structure.blocks
    .flatMap(() => [0, 1])
    .map(
      (): Graph => ({
        name: '',
        nodes: [],
        initializers: new Map(),
        inputs: [],
        outputs: [],
        valueInfo: new Map(),
      }),
    );
  const isFeedForward = feedForwardValues(structure);
  const indexOf = (value: string): number => {
    const at = known(value);
    return 2 * (regionOf(at) - 1) + (isFeedForward(at) ? 1 : 0);
  };
  const sublayerOf = (value: string): Graph | undefined => sublayers[indexOf(value)];
  const owners = new Map<string, number>();
  const weights = new Map<string, number>();
  for (const node of model.graph.nodes) {
    const name = node.outputs.find((o) => o) ?? '';
    sublayerOf(name)?.nodes.push(withoutValue(node));
    const value = node.op === 'Constant' ? node.attributes.get('value') : undefined;
    if (value?.kind !== 'tensor') continue;
    const key = keyOf(value.value.data);
    owners.set(key, indexOf(name));
    weights.set(key, value.value.data.length);
  }
  for (const [name, tensor] of model.graph.initializers) {
    const inline = tensor.data instanceof Uint8Array;
    sublayerOf(name)?.initializers.set(name, inline ? emptied(tensor) : tensor);
    const key = keyOf(tensor.data);
    owners.set(key, owners.has(key) && owners.get(key) !== indexOf(name) ? -1 : indexOf(name));
    weights.set(key, tensor.data.length);
  }
  for (const [name, info] of model.graph.valueInfo) sublayerOf(name)?.valueInfo.set(name, info);
  const infos = new Map<string, ValueInfo>(
    [...model.graph.inputs, ...model.graph.outputs].map((v) => [v.name, v]),
  );
  for (const [b, block] of structure.blocks.entries()) {
    for (const name of block.states.flatMap((state) => [state.input, state.output])) {
      const info = infos.get(name);
      if (info) sublayers[2 * b]!.inputs.push(info);
    }
  }
  const lengths = sublayers.map(
    (sublayer) => encodedGraphLength(sublayer, place) + inlineBytes(sublayer),
  );
  for (const file of layout.files) {
    for (const [k, padding] of file.parts.entries()) {
      const next = file.parts[k + 1];
      const owner = next ? (owners.get(keyOf(next)) ?? -1) : -1;
      if (padding instanceof Uint8Array && lengths[owner] !== undefined)
        lengths[owner] += padding.length;
    }
  }
  const own = sublayers.map(() => 0);
  for (const [key, bytes] of weights) {
    const owner = owners.get(key) ?? -1;
    if (own[owner] !== undefined) own[owner] += bytes;
  }
  const feedForward = structure.blocks.map((_, b) => lengths[2 * b + 1]!);
  const sourceTypes = new Map(structure.graph.inputs.map(({ name, type }) => [name, type]));
  return {
    entries: feedForward.map((bytes, b) => bytes + lengths[2 * b]!),
    feedForward,
    weights: structure.blocks.map((_, b) => ({
      attention: own[2 * b]!,
      feedForward: own[2 * b + 1]!,
    })),
    cacheRatio: structure.blocks.map(({ states }) => {
      const cache = states.find(({ kind }) => kind === 'kv')?.input ?? '';
      const before = elementBits(sourceTypes.get(cache) ?? 0);
      const after = elementBits(infos.get(cache)?.type ?? 0);
      return before && after ? after / before : 1;
    }),
  };
}

/** What an export writes after `steps`, as plain data for `planSize`. */
export function writtenSizes(measured: Measured, steps: readonly StepChoice[]): WrittenSizes {
  const sizes = exportBytes(measured, steps);
  const { total, entries, feedForward, weights, cacheRatio } = sizes;
  const blocks = weights.map((own, b) => ({
    attention: own.attention + entries[b]! - feedForward[b]!,
    feedForward: own.feedForward + feedForward[b]!,
    cacheRatio: cacheRatio[b]!,
  }));
  return { total, blocks };
}

/** True for values that a feed-forward sublayer computes, and for constants that it reads. */
function feedForwardValues(structure: Structure): (value: string) => boolean {
  const { graph, producer, constants } = structure;
  const nodes = feedForwardNodes(structure);
  const read = new Set<string>();
  graph.nodes.forEach((node, p) => {
    if (nodes[p] === 1) for (const x of dependencies(node)) if (constants.has(x)) read.add(x);
  });
  return (value) => nodes[producer.get(value) ?? -1] === 1 || read.has(value);
}

/** The model that an export without removals writes; the source itself when that cannot be made. */
function modelToExport(
  structure: Structure,
  genai: boolean,
  steps: readonly StepChoice[],
  named: Structure,
): Model {
  try {
    const all = exportSteps([], steps);
    return exportedModel({ structure, genai, named }, planRemoval(structure, []), all);
  } catch (error) {
    if (error instanceof EspalierError && steps.length === 0) return structure.model;
    throw error;
  }
}

/** Values that a step has put into the graph stand where the first of their readers stands. */
function knownValue(graph: Graph, structure: Structure): (value: string) => string {
  const isKnown = (value: string): boolean =>
    structure.producer.has(value) || structure.graph.initializers.has(value);
  const readers = new Map<string, Node>();
  for (const node of graph.nodes)
    for (const x of dependencies(node)) if (!readers.has(x)) readers.set(x, node);
  return (value) => {
    let at = value;
    // The nodes are sorted, so that this comes to an end.
    while (!isKnown(at)) {
      const next = readers.get(at)?.outputs[0];
      if (next === undefined) return value;
      at = next;
    }
    return at;
  };
}

/**
 * The region of a value: for a constant the only region that reads it, or 0 when there are several.
 */
function regions({ graph, region, producer, constants }: Structure): (value: string) => number {
  const readers = new Map<string, Set<number>>();
  /** Constant to the only constant node that reads it; null when there are several. */
  const constantReaders = new Map<string, number | null>();
  for (const [p, node] of graph.nodes.entries()) {
    for (const x of dependencies(node)) {
      if (!constants.has(x)) continue;
      if (region[p]! < 0)
        constantReaders.set(x, constantReaders.has(x) || node.outputs.length !== 1 ? null : p);
      else readers.set(x, (readers.get(x) ?? new Set()).add(region[p]!));
    }
  }
  const resolved = new Map<string, number>();
  return (value) => {
    // Follows a chain of constant nodes (of any length, so without recursion) to the first value
    // whose region is known.
    const passed: string[] = [];
    let result = 0;
    for (let at: string | undefined = value; at; ) {
      const known = resolved.get(at) ?? ownRegion(at);
      if (known !== null) {
        result = known;
        break;
      }
      passed.push(at);
      const next: number | null | undefined = readers.has(at) ? null : constantReaders.get(at);
      at = graph.nodes[next ?? -1]?.outputs.find((o) => o);
    }
    for (const x of passed) resolved.set(x, result);
    return result;
  };

  function ownRegion(value: string): number | null {
    const own = region[producer.get(value) ?? -1];
    if (own !== undefined && own >= 0) return own;
    const found = readers.get(value);
    if (found?.size === 1) for (const r of found) return r;
    return null;
  }
}

function emptied(tensor: Tensor): Tensor {
  return { ...tensor, data: new Uint8Array(0) };
}

/** A Constant node without its bytes, which count as weights. */
function withoutValue(node: Node): Node {
  const value = node.op === 'Constant' ? node.attributes.get('value') : undefined;
  if (value?.kind !== 'tensor') return node;
  return {
    ...node,
    attributes: new Map(node.attributes).set('value', { ...value, value: emptied(value.value) }),
  };
}

/**
 * Bytes of constants that an export writes into the graph file although they are byte ranges here.
 */
function inlineBytes(graph: Graph): number {
  return innerRanges(graph).reduce((n, tensor) => n + tensor.data.length, 0);
}
