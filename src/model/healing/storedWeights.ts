// The stored weights that a healing changes, found by the nodes that read them.

import { EspalierError } from '../../errors.ts';
import { keyOf } from '../../onnx/bytes.ts';
import { DataType, elementCount, intAttribute, type Node, type Tensor } from '../../onnx/graph.ts';
import type { Bytes } from '../../onnx/source.ts';
import type { Structure } from '../structure/structure.ts';
import { changedFloat, changedQuantised, type StoredWeight } from './changedWeights.ts';
import type { WeightChange } from './healing.ts';
import { usesOf, type WeightUse, type WeightUses } from './weightUses.ts';

/** A stored weight, its readers in one place of the model and those elsewhere. */
export interface FoundWeight {
  weight: StoredWeight;
  block: number | null;
  /** In the block, or the products outside of the blocks. */
  uses: readonly [WeightUse, ...WeightUse[]];
  /** Anything else that reads it, which keeps the stored values. */
  others: readonly WeightUse[];
}

/**
 * The weight that a change names. Outside of the blocks (`block` null) what a table is looked up by
 * does not count: of a table that is the head as well, the head alone changes.
 * @throws EspalierError `bad-input` for a weight that the block does not read, `unsupported-graph`
 *   for a form that cannot be changed
 */
export function findWeight(
  uses: WeightUses,
  { tensor: name, block }: Pick<WeightChange, 'tensor' | 'block'>,
): FoundWeight {
  const found = readersOf(uses, name, block);
  const tensor = uses.tensor(name);
  if (!tensor || !found)
    throw new EspalierError(
      'bad-input',
      `The healing changes the weight ${name}, which ` +
        `${block === null ? 'no product outside of the blocks reads' : `block ${block} does not read`}.`,
      'Heal the plan again with this model.',
    );
  const [[first, ...more], others] = found;
  if (more.some(({ order, node }) => order !== first.order || node.op !== first.node.op))
    throw unsupported(name, 'nodes of one block read it in different forms');
  return { weight: storedWeight(uses, tensor, first), block, uses: [first, ...more], others };
}

/** What reads a tensor in a place of the model, and elsewhere; null where that place does not. */
export function readersOf(
  uses: WeightUses,
  name: string,
  block: number | null,
): [[WeightUse, ...WeightUse[]], WeightUse[]] | null {
  const all = uses.of(name);
  const isOwn = (use: WeightUse): boolean => use.block === block && !use.lookup;
  const [first, ...more] = all.filter(isOwn);
  return first ? [[first, ...more], all.filter((use) => !isOwn(use))] : null;
}

function storedWeight(
  uses: WeightUses,
  tensor: Tensor,
  { node, slot, order, floats }: WeightUse,
): StoredWeight {
  const { name, type, dims, data } = tensor;
  if (floats) return linearWeight(uses, tensor, floats, order);
  if (node.op !== 'MatMulNBits') {
    if (QUANTISED.has(node.op)) throw unsupported(name, `${node.op} multiplies with its integers`);
    return { kind: 'float', name, type, dims, data, order };
  }
  if (slot !== 1) throw unsupported(name, 'it is a part of a quantised matrix');
  const stored = (at: number): Tensor | null => uses.tensor(node.inputs[at] ?? '');
  const [scales, zeros] = [stored(2), stored(3)];
  if (!scales || (node.inputs[3] && !zeros))
    throw unsupported(name, 'its scales are computed while the graph runs');
  if (node.inputs[4]) throw unsupported(name, 'its columns are reordered into groups (g_idx)');
  const number = (attribute: string): number => intAttribute(node, attribute) ?? 0;
  return {
    kind: 'blockwise',
    name,
    outputs: number('N'),
    inputs: number('K'),
    block: number('block_size'),
    bits: intAttribute(node, 'bits') ?? 4,
    data,
    scales: { name: scales.name, type: scales.type, data: scales.data },
    zeros: zeros && { name: zeros.name, type: zeros.type, data: zeros.data },
  };
}

/** The integers that a DequantizeLinear reads, with a scale for each block, row, column or all. */
function linearWeight(
  uses: WeightUses,
  { name, type, dims, data }: Tensor,
  node: Node,
  order: WeightUse['order'],
): StoredWeight {
  const [scales, zeros] = [1, 2].map((slot) => uses.tensor(node.inputs[slot] ?? ''));
  if (!scales || (node.inputs[2] && !zeros))
    throw unsupported(name, 'its scales are computed while the graph runs');
  const [rows = 0, columns = 0] = dims;
  if (dims.length !== 2) throw unsupported(name, 'it is no matrix');
  if (node.inputs[0] !== name)
    throw unsupported(name, 'its integers are rearranged before they become floats');
  const declared = intAttribute(node, 'axis') ?? 1;
  const axis = declared < 0 ? declared + 2 : declared;
  const block = intAttribute(node, 'block_size') ?? 0;
  let shared: [number, number] = axis === 0 ? [1, columns] : [rows, 1];
  if (block > 0) shared = axis === 0 ? [block, 1] : [1, block];
  else if (elementCount(scales.dims) === 1) shared = [rows, columns];
  const [blockRows, blockColumns] = shared;
  const groups = Math.ceil(rows / blockRows) * Math.ceil(columns / blockColumns);
  const floats = scales.type === DataType.float || scales.type === DataType.float16;
  if (!floats || elementCount(scales.dims) !== groups || (zeros && zeros.type !== type))
    throw unsupported(name, 'its scales do not fit it');
  return {
    ...{ kind: 'linear', name, type, rows, columns, order, blockRows, blockColumns, data },
    scales: { name: scales.name, type: scales.type, data: scales.data },
    zeros: zeros ? { name: zeros.name, type: zeros.type, data: zeros.data } : null,
  };
}

/** Operators that multiply with stored integers. */
const QUANTISED: ReadonlySet<string> = new Set([
  'MatMulInteger',
  'MatMulIntegerToFloat',
  'DynamicQuantizeMatMul',
  'QLinearMatMul',
  'QGemm',
  'QAttention',
  'QMoE',
  'GatherBlockQuantized',
]);

export function unsupported(name: string, why: string): EspalierError {
  return new EspalierError(
    'unsupported-graph',
    `The weight ${name} cannot be changed: ${why}.`,
    'Use a float32, float16 or 4-bit (MatMulNBits) export of the model.',
  );
}

/** All changes of one weight in one place, in their order. */
export interface WeightChanges {
  tensor: string;
  block: number | null;
  changes: WeightChange[];
}

export function changesByWeight(changes: readonly WeightChange[]): WeightChanges[] {
  const groups = new Map<string, WeightChanges>();
  for (const change of changes) {
    const { tensor, block } = change;
    const key = `${block} ${tensor}`;
    const group = groups.get(key) ?? { tensor, block, changes: [] };
    group.changes.push(change);
    groups.set(key, group);
  }
  return [...groups.values()];
}

/**
 * What stands in place of stored bytes, by block (null: outside of the blocks, for what multiplies
 * by them) and by `keyOf` the stored bytes: for the weights of programs, which have the stored
 * tensor's bytes under any name. Matrices in blocks of integers are quantised again, all three
 * tensors of them. `healedStructure` takes what is refused here, and floats in their place.
 * @throws EspalierError as `findWeight` and `changedFloat`; `unsupported-graph` where a block has
 *   the same bytes in two weights
 */
export function changedBytes(
  structure: Structure,
  changes: readonly WeightChange[],
): Map<number | null, Map<string, Bytes>> {
  const uses = usesOf(structure);
  const all = new Map<number | null, Map<string, Bytes>>();
  for (const { tensor, block, changes: own } of changesByWeight(changes)) {
    const { weight, uses: readers } = findWeight(uses, { tensor, block });
    const nodes = new Set(
      readers.flatMap(({ node, floats }) => (floats ? [node, floats] : [node])),
    );
    const bytes = all.get(block) ?? new Map<string, Bytes>();
    all.set(block, bytes);
    const put = (name: string, data: Bytes, now: Bytes): void => {
      const [inPlace = []] = readersOf(uses, name, block) ?? [];
      if (bytes.has(keyOf(data)) || inPlace.some(({ node }) => !nodes.has(node)))
        throw unsupported(name, `several weights of ${placeInWords(block)} are these bytes`);
      bytes.set(keyOf(data), now);
    };
    if (weight.kind === 'float') put(weight.name, weight.data, changedFloat(weight, own));
    else {
      const { scales, zeros } = weight;
      const now = changedQuantised(weight, own);
      put(weight.name, weight.data, now.data);
      put(scales.name, scales.data, now.scales);
      if (zeros && now.zeros) put(zeros.name, zeros.data, now.zeros);
    }
  }
  return all;
}

/**
 * True where matrices of integers are among the changed weights. @throws EspalierError as
 * `findWeight`
 */
export function changesIntegers(structure: Structure, changes: readonly WeightChange[]): boolean {
  const uses = usesOf(structure);
  return changesByWeight(changes).some((place) => findWeight(uses, place).weight.kind !== 'float');
}

const placeInWords = (block: number | null): string =>
  block === null ? 'the head' : `block ${block}`;
