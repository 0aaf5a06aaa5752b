// Where each stored tensor of a model is used, and how many parameters it holds.

import { keyOf, rangesOf } from '../../onnx/bytes.ts';
import { dependencies } from '../../onnx/captures.ts';
import {
  DataType,
  elementCount,
  intAttribute,
  type Node,
  type Tensor,
  tensorBytes,
} from '../../onnx/graph.ts';
import type { Structure } from '../structure/structure.ts';

/** A stored tensor: an initializer, or the value of a Constant node. */
export interface StoredWeight {
  tensor: Tensor;
  /** Parameters in it, counted unpacked; 0 for scales, zero points, tables and shapes. */
  params: number;
  /**
   * Regions that read it: 0 = prologue, 1..N = blocks, N + 1 = head. When many blocks read it, only
   * some of them are listed.
   */
  regions: ReadonlySet<number>;
  /** Whether nodes before the middle value of its block read it, nodes after it, or both. */
  sublayer: 'attention' | 'feed-forward' | 'both';
  /** Bits per parameter, 4 for packed int4. */
  bits: number;
  /** Read by an operator that takes blocks of few bits. */
  packed: boolean;
}

/** Input positions without parameters: scales, zero points, rotary tables, indices. */
const NO_PARAMETERS: ReadonlyMap<string, readonly number[]> = new Map(
  Object.entries({
    MatMulNBits: [2, 3, 4],
    MatMulBnb4: [2],
    GatherBlockQuantized: [1, 2, 3],
    DequantizeLinear: [1, 2],
    QuantizeLinear: [1, 2],
    MatMulInteger: [2, 3],
    ConvInteger: [2, 3],
    DynamicQuantizeMatMul: [2, 3],
    QMoE: [3, 6, 9],
    GroupQueryAttention: [7, 8],
    RotaryEmbedding: [1, 2, 3],
    Gather: [1],
  }),
);
const PARAMETER_TYPES: ReadonlySet<number> = new Set([
  DataType.float,
  DataType.float16,
  DataType.bfloat16,
  DataType.double,
  DataType.uint8,
  DataType.int8,
  DataType.uint4,
  DataType.int4,
  17,
  18,
  19,
  20,
]);

interface Use {
  regions: Set<number>;
  sublayers: Set<'attention' | 'feed-forward'>;
  /** Parameters per stored element (2 for packed int4); null when it holds no parameters. */
  factor: number | null;
  /** The number of parameters when the operator states it. */
  exact: number | null;
  bits: number | null;
}

/** Every stored tensor of the graph that is read, once each. */
export function storedWeights(structure: Structure): StoredWeight[] {
  const { graph, region, constants } = structure;
  const embedding = embeddingNodes(structure);
  const n = structure.blocks.length;
  const uses = new Map<string, Use>();
  const entry = (name: string): Use => {
    let use = uses.get(name);
    if (!use) {
      use = { regions: new Set(), sublayers: new Set(), factor: null, exact: null, bits: null };
      uses.set(name, use);
    }
    return use;
  };
  for (let p = graph.nodes.length - 1; p >= 0; p--) {
    const node = graph.nodes[p]!;
    const r = region[p]!;
    const outer = r < 0 ? node.outputs.map((o) => uses.get(o)).filter((u) => u !== undefined) : [];
    if (r < 0 && outer.length === 0) continue;
    const carries =
      r < 0
        ? outer.some((u) => u.factor !== null || u.exact !== null)
        : isWeightReader(structure, node, p, embedding);
    for (const [k, x] of dependencies(node).entries()) {
      if (!constants.has(x)) continue;
      const use = entry(x);
      if (r < 0) {
        for (const u of outer) {
          for (const v of u.regions) addRegion(use.regions, v, n);
          for (const h of u.sublayers) use.sublayers.add(h);
        }
      } else {
        addRegion(use.regions, r, n);
        use.sublayers.add(sublayerAt(structure, r, p));
      }
      const slot = node.inputs.indexOf(x) >= 0 ? node.inputs.indexOf(x) : k;
      if (!carries || NO_PARAMETERS.get(node.op)?.includes(slot) || isScaleProduct(structure, node))
        continue;
      const own = packing(node, slot, structure.typeOf(x));
      for (const u of r < 0 ? outer : [null]) {
        use.factor = Math.max(use.factor ?? 1, own.factor, u?.factor ?? 1);
        use.exact = own.exact ?? u?.exact ?? use.exact;
        use.bits = own.bits ?? u?.bits ?? use.bits;
      }
    }
  }
  const stored: StoredWeight[] = [];
  const add = (name: string, tensor: Tensor): void => {
    const use = uses.get(name);
    if (!use) return;
    const elements = elementCount(tensor.dims);
    const counts = use.factor !== null && elements > 1 && PARAMETER_TYPES.has(tensor.type);
    const [sublayer = 'both'] = use.sublayers.size === 1 ? use.sublayers : [];
    stored.push({
      tensor,
      params: counts ? (use.exact ?? elements * (use.factor ?? 1)) : 0,
      regions: use.regions,
      sublayer,
      packed: use.bits !== null,
      bits:
        use.bits ??
        (tensor.type === DataType.int4 || tensor.type === DataType.uint4
          ? 4
          : (tensorBytes(tensor) * 8) / Math.max(elements, 1)),
    });
  };
  for (const [name, tensor] of graph.initializers) add(name, tensor);
  for (const node of graph.nodes) {
    const value = node.op === 'Constant' ? node.attributes.get('value') : undefined;
    // The tensors of Constant nodes have no name, or all the same one.
    const name = node.outputs[0] ?? '';
    if (value?.kind === 'tensor') add(name, { ...value.value, name });
  }
  return stored;
}

/**
 * It only matters whether one block reads a constant or several, and whether prologue or head do.
 * Listing at most four blocks keeps long chains of constants cheap.
 */
function addRegion(regions: Set<number>, region: number, n: number): void {
  if (regions.size < 4 || region === 0 || region === n + 1) regions.add(region);
}

/**
 * Identifies the stored bytes of a tensor, whatever is computed from them: tensors of equal byte
 * ranges are stored once.
 */
export function storageKey({ name, data }: Tensor): string {
  const ranges = rangesOf(data);
  return ranges.length > 0 ? ranges.map(keyOf).join('\n') : `\n${name}`;
}

/**
 * Positions of the prologue nodes that the first boundary depends on, and of those that look tokens
 * up in tables of their own: the embedding, including position tables and those of per-layer
 * inputs, but no masks or rotary tables.
 */
function embeddingNodes(structure: Structure): ReadonlySet<number> {
  const found = new Set(tokenLookups(structure));
  const pending = [structure.cuts[0] ?? ''];
  for (let x = pending.pop(); x !== undefined; x = pending.pop()) {
    const p = structure.producer.get(x);
    if (p === undefined || found.has(p) || structure.region[p]! < 0) continue;
    found.add(p);
    for (const y of dependencies(structure.graph.nodes[p]!)) pending.push(y);
  }
  return found;
}

/** Positions of the prologue nodes that take rows of a stored table by the ids of the tokens. */
function tokenLookups({ graph, region, constants, tokenInput }: Structure): number[] {
  const ids = new Set([tokenInput]);
  const found: number[] = [];
  for (const [p, node] of graph.nodes.entries()) {
    if (region[p] !== 0 || node.op === 'Shape' || node.op === 'Size') continue;
    const isTable = constants.has(node.inputs[0] ?? '');
    if (isTable && LOOKUPS.has(node.op) && ids.has(node.inputs[1] ?? '')) found.push(p);
    else if (!isTable && dependencies(node).some((x) => ids.has(x)))
      for (const o of node.outputs) ids.add(o);
  }
  return found;
}

const LOOKUPS = new Set(['Gather', 'GatherBlockQuantized']);

function isWeightReader(
  structure: Structure,
  node: Node,
  position: number,
  embedding: ReadonlySet<number>,
): boolean {
  return embedding.has(position) || dependencies(node).some((x) => structure.content.has(x));
}

/** True for (scale of activations) x (scale of weights) in dynamically quantised graphs. */
function isScaleProduct(structure: Structure, node: Node): boolean {
  if (node.op !== 'Mul') return false;
  return node.inputs.some((x) => {
    const p = structure.producer.get(x);
    const from = p === undefined ? undefined : structure.graph.nodes[p];
    return from?.op === 'DynamicQuantizeLinear' && from.outputs[1] === x;
  });
}

/** How a quantised input is packed. */
function packing(
  node: Node,
  slot: number,
  type: DataType,
): { factor: number; exact: number | null; bits: number | null } {
  if ((node.op === 'MatMulNBits' || node.op === 'MatMulBnb4') && slot === 1) {
    const n = intAttribute(node, 'N');
    const k = intAttribute(node, 'K');
    return { factor: 1, exact: n && k ? n * k : null, bits: intAttribute(node, 'bits') ?? 4 };
  }
  if (node.op === 'GatherBlockQuantized' && slot === 0) {
    const bits = intAttribute(node, 'bits') ?? 4;
    // Types of 4 bits count their elements, bytes hold two.
    return { factor: type === DataType.uint8 ? 8 / bits : 1, exact: null, bits };
  }
  if (node.op === 'QMoE' && [2, 5, 8].includes(slot)) {
    const bits = intAttribute(node, 'expert_weight_bits') ?? 4;
    return { factor: 8 / bits, exact: null, bits };
  }
  return { factor: 1, exact: null, bits: null };
}

function sublayerAt(
  structure: Structure,
  region: number,
  position: number,
): 'attention' | 'feed-forward' {
  const mid = structure.blocks[region - 1]?.mid;
  return mid && position <= (structure.producer.get(mid) ?? -1) ? 'attention' : 'feed-forward';
}
