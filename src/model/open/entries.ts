// What an export takes on disk, in all and per block; must not read weights.

import { EspalierError } from '../../errors.ts';
import { dependencies } from '../../onnx/captures.ts';
import { encodedGraphLength, encodeModel, type PlaceTensor } from '../../onnx/codec.ts';
import {
  type Graph,
  isRange,
  type Model,
  type Node,
  type Tensor,
  type ValueInfo,
} from '../../onnx/graph.ts';
import type { Folder } from '../../onnx/source.ts';
import { dataFileName, innerRanges, keyOf, layOut } from '../export/layout.ts';
import { removeUnits } from '../structure/remove.ts';
import type { Structure } from '../structure/structure.ts';
import { feedForwardNodes } from '../structure/sublayers.ts';

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
}

/** Linear in the number of nodes; makes the graph of an export without removals. */
export function exportBytes(structure: Structure, folder: Folder, graphPath: string): ExportBytes {
  const model = intact(structure);
  const genai = folder.open('genai_config.json') !== null;
  const layout = layOut(
    model.graph,
    dataFileName(graphPath.slice(graphPath.lastIndexOf('/') + 1), genai),
  );
  // Constants of nodes and of subgraphs are written inline: `inside` counts them.
  const inner = new Set(innerRanges(model.graph));
  const place: PlaceTensor = (tensor, range, owner) =>
    owner === 'initializer' && !inner.has(tensor) ? layout.place(range) : new Uint8Array(0);
  const regionOf = regions(structure);

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
  for (const node of model.graph.nodes)
    sublayerOf(node.outputs.find((o) => o) ?? '')?.nodes.push(withoutValue(node));
  for (const [name, tensor] of model.graph.initializers) {
    sublayerOf(name)?.initializers.set(name, isRange(tensor.data) ? tensor : emptied(tensor));
    if (!isRange(tensor.data)) continue;
    const key = keyOf(tensor.data);
    owners.set(key, owners.has(key) && owners.get(key) !== placeOf(name) ? -1 : placeOf(name));
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
      const owner = next && isRange(next) ? (owners.get(keyOf(next)) ?? -1) : -1;
      if (padding instanceof Uint8Array && lengths[owner] !== undefined)
        lengths[owner] += padding.length;
    }
  }
  const total = layout.files.reduce(
    (n, file) => n + file.size,
    encodeModel(model, place).length + inside(model.graph),
  );
  const feedForward = structure.blocks.map((_, b) => lengths[2 * b + 1]!);
  return { total, entries: feedForward.map((bytes, b) => bytes + lengths[2 * b]!), feedForward };
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
function intact(structure: Structure): Model {
  try {
    return removeUnits(structure, []);
  } catch (error) {
    if (error instanceof EspalierError) return structure.model;
    throw error;
  }
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
