// Finds the transformer blocks of a decoder graph by data flow, whatever its nodes are called.

import type { EspalierError } from '../../errors.ts';
import type { Graph, Model } from '../../onnx/graph.ts';
import { expandSkipNorms } from '../../onnx/skipnorm.ts';
import { sortedNodes } from '../../onnx/sort.ts';
import { requireSsa } from '../../onnx/ssa.ts';
import { elementTypes } from '../../onnx/types.ts';
import { type Anchors, findAnchors, findBoundaries } from './boundaries.ts';
import { type Flow, traceFlow } from './flow.ts';
import { partedBlocks } from './parted.ts';
import { assignRegions } from './regions.ts';
import { removalObstacle } from './removeGraph.ts';
import { type GraphNames, graphNames } from './roles.ts';
import { requireCachesByLayer } from './stream/oneCache.ts';
import { unsupported } from './stream/unsupported.ts';
import type { Structure } from './structure.ts';

/**
 * The structure of a decoder. Linear in the number of nodes; reads no weights.
 * @param layers layer count of the config, which must equal the number of blocks with attention, or
 *   null when it is not known.
 * @param names what a config says of the names of inputs and outputs.
 * @throws EspalierError `unsupported-graph`, naming the obstacle; `corrupt-file` when a value has
 *   two producers or none, or the graph has a cycle.
 */
export function findBlocks(
  model: Model,
  layers: number | null,
  names: GraphNames = graphNames(null),
): Structure {
  requireSsa(model.graph);
  const sorted: Graph = { ...model.graph, nodes: sortedNodes(model.graph) };
  const graph = expandSkipNorms(sorted);
  const flow = traceFlow(graph, names);
  requireCachesByLayer(flow);
  const types = elementTypes(graph);
  const typeOf = (value: string): number => types.get(value) ?? 0;
  const found = findAnchors(flow, layers);
  const attentions = found.positions.length;
  if (layers !== null && layers !== attentions) throw otherCount(layers, found, flow);
  const parted = partedBlocks(model, flow, found, typeOf);
  const anchors = parted?.anchors ?? found;
  const boundaries = parted?.boundaries ?? findBoundaries(flow, found, typeOf);
  const n = anchors.positions.length;
  const { region, leaks, sideValues, copyable } = assignRegions(flow, anchors, boundaries);
  const cuts = boundaries.cuts.map((c) => c.value);
  const cutsAt = boundaries.cuts.map((c) => c.position);
  const structure: Structure = {
    model,
    graph,
    cuts,
    blocks: anchors.stateIndices.map((stateIndex, index) => ({
      index,
      stateIndex,
      states: flow.states.get(stateIndex) ?? [],
      input: cuts[index]!,
      output: cuts[index + 1]!,
      mid: boundaries.mids[index] ?? null,
      lacks: parted?.lacks[index] ?? null,
      borrows: lenderOf(flow, cutsAt, anchors.positions[index]!),
      unremovable: null,
    })),
    anchor: anchors.kind,
    roleOf: flow.roleOf,
    tokenInput: flow.tokenInput,
    embedsInput: flow.embedsInput,
    logits: flow.logits,
    perTokenLogits: !flow.headless && givesEveryPosition(flow, region, n),
    headless: flow.headless,
    region,
    sideValues,
    constants: flow.constants,
    content: flow.content,
    leaks,
    producer: flow.producer,
    copyable,
    typeOf,
  };
  for (const block of structure.blocks)
    block.unremovable = removalObstacle(structure, [block.index]);
  return structure;
}

/** The block that makes the keys and values which the attention at this position reads. */
function lenderOf({ borrowings }: Flow, cuts: readonly number[], position: number): number | null {
  const borrowing = borrowings.find((b) => b.position === position);
  if (!borrowing) return null;
  const block = cuts.findLastIndex((cut) => cut < borrowing.lender);
  return block >= 0 && block < cuts.length - 1 ? block : null;
}

function otherCount(layers: number, { positions, kind }: Anchors, flow: Flow): EspalierError {
  const blocks = positions.length;
  const differs = `The config says ${layers} layers, but the graph has ${blocks} separable blocks`;
  if (blocks > layers)
    return unsupported(
      `${differs}.`,
      'The config belongs to another model or is outdated: correct its layer count ' +
        '(num_hidden_layers).',
    );
  const what = {
    kv: `only ${blocks} have a cache, or attention that reads the cache of another`,
    'attention-op': `only ${blocks} have attention or another operator that mixes tokens`,
    residual: 'the others could not be told apart by what is added to the residual stream',
  }[kind];
  const sums = flow.cuts.filter(({ position }) => flow.nodes[position]?.op === 'Add').length;
  return unsupported(
    `${differs}: ${what}, and ${sums} sums of the residual stream do not divide into ` +
      `${layers} equal blocks.`,
    'If the config is wrong, correct its layer count; else export the model with the states of ' +
      'every layer as inputs.',
  );
}

/**
 * False when the head keeps only the last position, judged by the declared shape of the logits,
 * else by a Gather or Slice of the residual stream in the head.
 */
function givesEveryPosition(flow: Flow, region: Int32Array, n: number): boolean {
  const declared = flow.graph.outputs.find((o) => o.name === flow.logits)?.dims;
  const tokens = flow.graph.inputs.find((v) => v.name === flow.tokenInput)?.dims;
  if (declared) {
    if (declared.length < 2) return false;
    const positions = declared.length === 2 ? declared[0] : declared[declared.length - 2];
    if (positions === 1) return false;
    if (typeof positions === 'string' && positions === tokens?.[1]) return true;
  }
  return !flow.nodes.some((node, p) => {
    if (region[p] !== n + 1 || !flow.onPath[p] || !flow.content.has(node.inputs[0] ?? ''))
      return false;
    if (node.op === 'Slice') return startsAtEnd(flow, node.inputs[1] ?? '');
    return node.op === 'Gather' || node.op === 'GatherND';
  });
}

/** True when the start of a Slice is the constant -1. */
function startsAtEnd(flow: Flow, start: string): boolean {
  const data = flow.graph.initializers.get(start)?.data ?? constantBytes(flow, start);
  return data instanceof Uint8Array && data.length > 0 && data.every((byte) => byte === 255);
}

function constantBytes(flow: Flow, value: string): Uint8Array | null {
  const node = flow.nodes[flow.producer.get(value) ?? -1];
  const attribute = node?.op === 'Constant' ? node.attributes.get('value') : undefined;
  return attribute?.kind === 'tensor' && attribute.value.data instanceof Uint8Array
    ? attribute.value.data
    : null;
}
