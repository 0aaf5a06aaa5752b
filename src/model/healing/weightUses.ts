// What reads which constant of a graph, through the nodes that only rearrange it.

import { dependencies } from '../../onnx/captures.ts';
import { type Graph, intAttribute, type Node, type Tensor } from '../../onnx/graph.ts';
import type { Structure } from '../structure/structure.ts';

/** The block that a node belongs to: null outside of the blocks, or computed from constants. */
export type BlockOf = (node: Node, position: number) => number | null;

/** One place where a node takes a stored tensor, possibly through nodes that rearrange it. */
export interface WeightUse {
  node: Node;
  slot: number;
  block: number | null;
  /** Looked up by token ids rather than multiplied. */
  lookup: boolean;
  /** Order of the stored matrix as this node reads it; null where it is no linear product. */
  order: 'in-out' | 'out-in' | null;
  /** The DequantizeLinear that makes floats of stored integers for it, or null. */
  floats: Node | null;
}

/** The uses of all constants of a graph. */
export interface WeightUses {
  /** By the name of the stored tensor, or of a value that it is rearranged to. */
  of(tensor: string): readonly WeightUse[];
  /** The tensor that a value is, through nodes that rearrange it; null for any other value. */
  tensor(value: string): Tensor | null;
  /** Names of stored tensors that a block reads (null: that are read outside), in order. */
  within(block: number | null): readonly string[];
}

/** What a value is: a stored tensor, through nodes that rearrange it. */
interface Source {
  tensor: Tensor;
  /** Its axes are exchanged. */
  turned: boolean;
  floats: Node | null;
}

/** Nodes that give a constant on in another arrangement or type. */
const PASSING: ReadonlySet<string> = new Set([
  'Identity',
  'Cast',
  'Transpose',
  'Reshape',
  'DequantizeLinear',
]);
const LOOKUPS: ReadonlySet<string> = new Set(['Gather', 'GatherBlockQuantized']);

/** Linear in the number of nodes, which must be sorted. */
export function weightUses(graph: Graph, blockOf: BlockOf): WeightUses {
  const uses = new Map<string, WeightUse[]>();
  const blocks = new Map<number | null, Set<string>>();
  const sources = new Map<string, Source>();
  for (const tensor of graph.initializers.values())
    sources.set(tensor.name, { tensor, turned: false, floats: null });
  graph.nodes.forEach((node, position) => {
    const made = passedOn(node, sources);
    if (made) sources.set(node.outputs[0] ?? '', made);
    const block = blockOf(node, position);
    // What its subgraphs read comes after its own inputs.
    const inner = dependencies(node).slice(node.inputs.filter((value) => value !== '').length);
    [...node.inputs, ...inner].forEach((value, slot) => {
      const source = sources.get(value);
      // What is given on is read by the readers of what is made of it.
      if (!source || (made && slot === 0)) return;
      const { name } = source.tensor;
      const lookup = LOOKUPS.has(node.op);
      const { floats } = source;
      const order = orderOf(node, slot, source);
      grouped(uses, name, []).push({ node, slot, block, lookup, order, floats });
      grouped(blocks, block, new Set()).add(name);
    });
  });
  return {
    of: (tensor) => uses.get(sources.get(tensor)?.tensor.name ?? '') ?? [],
    tensor: (value) => sources.get(value)?.tensor ?? null,
    within: (block) => [...(blocks.get(block) ?? [])],
  };
}

/** The uses of the constants of a decoder. */
export function usesOf(structure: Structure): WeightUses {
  const blockAt = blocksByPosition(structure);
  return weightUses(structure.graph, (_, position) => blockAt(position));
}

/**
 * The block of the node at a position of `structure.graph`; null outside of the blocks. What is
 * computed from constants alone belongs to the block that reads it, where one alone does.
 */
export function blocksByPosition({
  graph,
  region,
  blocks,
}: Structure): (position: number) => number | null {
  const readers = new Map<string, Set<number | null>>();
  const found = new Array<number | null>(graph.nodes.length).fill(null);
  for (let position = graph.nodes.length - 1; position >= 0; position--) {
    const node = graph.nodes[position]!;
    const r = region[position] ?? 0;
    let all = new Set<number | null>([r >= 1 && r <= blocks.length ? r - 1 : null]);
    if (r < 0) all = new Set(node.outputs.flatMap((value) => [...(readers.get(value) ?? [])]));
    found[position] = all.size === 1 ? [...all][0]! : null;
    for (const value of dependencies(node)) {
      const known = grouped(readers, value, new Set());
      for (const block of all) known.add(block);
    }
  }
  return (position) => found[position] ?? null;
}

function grouped<K, V>(map: Map<K, V>, key: K, none: V): V {
  const known = map.get(key) ?? none;
  map.set(key, known);
  return known;
}

/** What a node makes of a constant where it only rearranges it, or what it is a constant of. */
function passedOn(node: Node, sources: ReadonlyMap<string, Source>): Source | null {
  const constant = node.op === 'Constant' ? node.attributes.get('value') : undefined;
  if (constant?.kind === 'tensor') {
    const tensor = { ...constant.value, name: node.outputs[0] ?? '' };
    return { tensor, turned: false, floats: null };
  }
  const source = PASSING.has(node.op) ? sources.get(node.inputs[0] ?? '') : undefined;
  if (!source) return null;
  if (node.op === 'DequantizeLinear') return { ...source, floats: node };
  if (node.op !== 'Transpose') return source;
  const perm = node.attributes.get('perm');
  const swaps = perm === undefined || (perm.kind === 'ints' && perm.value.join() === '1,0');
  return swaps ? { ...source, turned: !source.turned } : source;
}

/** True for a node that only gives a constant on. */
export function isPassing(node: Node, isConstant: (value: string) => boolean): boolean {
  return PASSING.has(node.op) && isConstant(node.inputs[0] ?? '');
}

/** Linear products, and the attribute by which they take their matrix transposed. */
const TURNED_BY: ReadonlyMap<string, string> = new Map([
  ['MatMul', ''],
  ['Gemm', 'transB'],
  ['FusedMatMul', 'transB'],
  ['Attention', ''],
]);

function orderOf(node: Node, slot: number, { tensor, turned }: Source): WeightUse['order'] {
  if (slot !== 1) return null;
  if (node.op === 'MatMulNBits') return 'out-in';
  const by = TURNED_BY.get(node.op);
  if (by === undefined || tensor.dims.length !== 2) return null;
  // The standard operator of that name takes three activations.
  if (node.op === 'Attention' && node.domain !== 'com.microsoft') return null;
  const flips = by !== '' && (intAttribute(node, by) ?? 0) !== 0;
  return flips === turned ? 'in-out' : 'out-in';
}
