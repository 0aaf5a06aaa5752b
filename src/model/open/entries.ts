// What an export takes on disk, in all and per block; must not read weights.

import { EspalierError } from '../../errors.ts';
import { keyOf } from '../../onnx/bytes.ts';
import { dependencies } from '../../onnx/captures.ts';
import { encodedGraphLength, encodeModel, type Place } from '../../onnx/codec.ts';
import type { Graph, Model, Node, Tensor, ValueInfo } from '../../onnx/graph.ts';
import type { Folder } from '../../onnx/source.ts';
import { exportedModel } from '../export/apply.ts';
import { dataFileName, innerRanges, layOut } from '../export/layout.ts';
import { exportedGraph } from '../export/names.ts';
import { exportSteps, type StepChoice } from '../export/steps.ts';
import { planRemoval } from '../structure/removal.ts';
import type { Structure } from '../structure/structure.ts';
import { feedForwardNodes } from '../structure/sublayers.ts';
import type { WrittenSizes } from './size.ts';

/**
 * What an export is predicted to write, in bytes. Node metadata and dead nodes of the source are no
 * part of it.
 */
export interface ExportBytes {
  /** Graph file and data files when no block is removed. */
  total: number;
  /**
   * Per block: nodes, names, tensor entries and state declarations in the graph file, and the
   * padding before its weights; not the weights.
   */
  entries: number[];
  /** What of that belongs to the feed-forward sublayer; 0 where it cannot be told. */
  feedForward: number[];
  /** Weights that one sublayer alone reads: attention and feed-forward of each block. */
  weights: { attention: number; feedForward: number }[];
}

/**
 * Linear in the number of nodes; makes the graph of an export without removals.
 * @param steps what the export does besides; by default nothing
 */
export function exportBytes(
  structure: Structure,
  folder: Folder,
  graphPath: string,
  steps: readonly StepChoice[] = [],
): ExportBytes {
  const model = intact(structure, folder, steps);
  const genai = folder.open('genai_config.json') !== null;
  const written = exportedGraph(graphPath, steps, genai);
  const layout = layOut(
    model.graph,
    dataFileName(written.slice(written.lastIndexOf('/') + 1), genai),
  );
  // Constants of nodes and of subgraphs are written inline: `inside` counts them.
  const inner = new Set(innerRanges(model.graph));
  const place: Place = (tensor, range, owner) =>
    owner === 'initializer' && !inner.has(tensor) ? layout.place(range) : new Uint8Array(0);
  const regionOf = withNewValues(model.graph, structure);

  // Attention and feed-forward sublayer of each block in turn.
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
  const isBehind = behind(structure);
  const placeOf = (value: string): number => 2 * (regionOf(value) - 1) + (isBehind(value) ? 1 : 0);
  const sublayerOf = (value: string): Graph | undefined => sublayers[placeOf(value)];
  const owners = new Map<string, number>();
  const weights = new Map<string, number>();
  for (const node of model.graph.nodes) {
    const name = node.outputs.find((o) => o) ?? '';
    sublayerOf(name)?.nodes.push(withoutValue(node));
    const value = node.op === 'Constant' ? node.attributes.get('value') : undefined;
    if (value?.kind !== 'tensor') continue;
    const key = keyOf(value.value.data);
    owners.set(key, placeOf(name));
    weights.set(key, value.value.data.length);
  }
  for (const [name, tensor] of model.graph.initializers) {
    const inline = tensor.data instanceof Uint8Array;
    sublayerOf(name)?.initializers.set(name, inline ? emptied(tensor) : tensor);
    const key = keyOf(tensor.data);
    owners.set(key, owners.has(key) && owners.get(key) !== placeOf(name) ? -1 : placeOf(name));
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
    (sublayer) => encodedGraphLength(sublayer, place) + inside(sublayer),
  );
  for (const file of layout.files) {
    for (const [k, padding] of file.parts.entries()) {
      const next = file.parts[k + 1];
      const owner = next ? (owners.get(keyOf(next)) ?? -1) : -1;
      if (padding instanceof Uint8Array && lengths[owner] !== undefined)
        lengths[owner] += padding.length;
    }
  }
  const total = layout.files.reduce(
    (n, file) => n + file.size,
    encodeModel(model, place).length + inside(model.graph),
  );
  const own = sublayers.map(() => 0);
  for (const [key, bytes] of weights) {
    const owner = owners.get(key) ?? -1;
    if (own[owner] !== undefined) own[owner] += bytes;
  }
  const feedForward = structure.blocks.map((_, b) => lengths[2 * b + 1]!);
  return {
    total,
    entries: feedForward.map((bytes, b) => bytes + lengths[2 * b]!),
    feedForward,
    weights: structure.blocks.map((_, b) => ({
      attention: own[2 * b]!,
      feedForward: own[2 * b + 1]!,
    })),
  };
}

/** What an export writes after `steps`, as plain data for `planSize`. */
export function writtenSizes(
  { structure, folder, graphPath }: { structure: Structure; folder: Folder; graphPath: string },
  steps: readonly StepChoice[],
): WrittenSizes {
  const { total, entries, feedForward, weights } = exportBytes(structure, folder, graphPath, steps);
  const blocks = weights.map((own, b) => ({
    attention: own.attention + entries[b]! - feedForward[b]!,
    feedForward: own.feedForward + feedForward[b]!,
  }));
  return { total, blocks };
}

/**
 * True for values that the feed-forward sublayer of a block makes, and for constants that it reads.
 */
function behind(structure: Structure): (value: string) => boolean {
  const { graph, producer, constants } = structure;
  const nodes = feedForwardNodes(structure);
  const read = new Set<string>();
  graph.nodes.forEach((node, p) => {
    if (nodes[p] === 1) for (const x of dependencies(node)) if (constants.has(x)) read.add(x);
  });
  return (value) => nodes[producer.get(value) ?? -1] === 1 || read.has(value);
}

/** The graph that an export without removals writes; the source's own when that cannot be made. */
function intact(structure: Structure, folder: Folder, steps: readonly StepChoice[]): Model {
  try {
    return exportedModel({ structure, folder }, planRemoval(structure, []), exportSteps([], steps));
  } catch (error) {
    if (error instanceof EspalierError && steps.length === 0) return structure.model;
    throw error;
  }
}

/** Values that a step has put into the graph belong where the first of their readers belongs. */
function withNewValues(graph: Graph, structure: Structure): (value: string) => number {
  const regionOf = regions(structure);
  const isNew = (value: string): boolean =>
    !structure.producer.has(value) && !structure.graph.initializers.has(value);
  const readers = new Map<string, Node>();
  for (const node of graph.nodes)
    for (const x of dependencies(node)) if (!readers.has(x)) readers.set(x, node);
  return (value: string): number => {
    const reader = isNew(value) ? readers.get(value)?.outputs[0] : undefined;
    return regionOf(reader ?? value);
  };
}

/**
 * The region that a value belongs to; a constant belongs to its one reading region, else to region
 * 0.
 */
function regions({ graph, region, producer, constants }: Structure): (value: string) => number {
  const readers = new Map<string, Set<number>>();
  /** Constant to the one constant node that reads it; null when there are more. */
  const cones = new Map<string, number | null>();
  for (const [p, node] of graph.nodes.entries()) {
    for (const x of dependencies(node)) {
      if (!constants.has(x)) continue;
      if (region[p]! < 0) cones.set(x, cones.has(x) || node.outputs.length !== 1 ? null : p);
      else readers.set(x, (readers.get(x) ?? new Set()).add(region[p]!));
    }
  }
  const homes = new Map<string, number>();
  return (value) => {
    // Along a chain of constant nodes, whose length the file decides, to the first value whose
    // region is known; every step goes to a later node.
    const passed: string[] = [];
    let home = 0;
    for (let at: string | undefined = value; at; ) {
      const known = homes.get(at) ?? ownRegion(at);
      if (known !== null) {
        home = known;
        break;
      }
      passed.push(at);
      const next: number | null | undefined = readers.has(at) ? null : cones.get(at);
      at = graph.nodes[next ?? -1]?.outputs.find((o) => o);
    }
    for (const x of passed) homes.set(x, home);
    return home;
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

/** A Constant without its bytes, which count as a weight. */
function withoutValue(node: Node): Node {
  const value = node.op === 'Constant' ? node.attributes.get('value') : undefined;
  if (value?.kind !== 'tensor') return node;
  return {
    ...node,
    attributes: new Map(node.attributes).set('value', { ...value, value: emptied(value.value) }),
  };
}

/** Bytes of the constants that stay in the graph file although they are ranges of the source. */
function inside(graph: Graph): number {
  return innerRanges(graph).reduce((n, tensor) => n + tensor.data.length, 0);
}
