// Which weights of a block's program count for criteria, of which kind they are, and which half of
// the block reads them.

import { type CountedTensor, countedTensors, headTensors } from '../model/criteria/linear.ts';
import type { BoundProgram, WeightRef } from '../model/programs/program.ts';
import { programModel } from '../model/programs/programModel.ts';
import { remembered } from '../model/structure/remembered.ts';
import type { Structure } from '../model/structure/structure.ts';
import { feedForwardNodes } from '../model/structure/sublayers.ts';
import { keyOf } from '../onnx/bytes.ts';
import { DataType, elementCount, type Tensor } from '../onnx/graph.ts';
import type { Bytes } from '../onnx/source.ts';
import type { Sublayer } from '../units.ts';

/** As `countedTensors` has them; `bias` is every other vector of floats that a block adds. */
export type WeightKind = 'linear' | 'norm' | 'bias';

export interface WeightRole {
  /** Input of the block's program, or a constant inside it. */
  weight: string;
  /** The stored tensor, by name. */
  name: string;
  kind: WeightKind;
  /** The half of the block that reads it; null where the block has no halves. */
  sublayer: Sublayer | null;
}

export interface ReadWeight extends WeightRole {
  /** All blocks that read it. */
  blocks: ReadonlySet<number>;
}

const countedInBlocks = remembered(countedTensors);
const countedInHead = remembered(headTensors);

/**
 * The weights of one block that have gradients. Linear matrices and norm vectors are those that
 * magnitudes count, so that criteria agree about what a block consists of.
 * @param block its number; the number of all blocks stands for the head.
 * @throws EspalierError `unsupported-op` as `countedTensors`
 */
export function weightRoles(
  structure: Structure,
  bound: BoundProgram,
  block: number,
): ReadWeight[] {
  const counted = block < structure.blocks.length ? countedInBlocks : countedInHead;
  const own = counted(structure).filter(({ blocks }) => blocks.has(block));
  const { graph } = programModel(bound.program);
  const scales = new Set(
    graph.nodes.flatMap(({ op, inputs }) => (SCALED.has(op) ? inputs.slice(1, 4) : [])),
  );
  const roles: ReadWeight[] = [...bound.weights].flatMap(([weight, ref]) => {
    const isBias = isVector(ref) && !scales.has(weight);
    const found = countedAs(structure, ref, own);
    const kind = found?.kind ?? (isBias ? 'bias' : null);
    if (kind === null) return [];
    const sublayer = sublayerOf(structure, block, ref.name);
    const name = found?.tensor.name || ref.name;
    return [{ weight, name, kind, sublayer, blocks: found?.blocks ?? new Set([block]) }];
  });
  const constants = [...graph.initializers.values()];
  return [...roles, ...inside(structure, constants, block, own)];
}

/**
 * The counted tensor that a weight of a program is: the same bytes of the file, or, where other
 * values have been put in their place, the one of its name.
 */
function countedAs(
  structure: Structure,
  { name, data }: WeightRef,
  among: readonly CountedTensor[],
): CountedTensor | null {
  const key = keyOf(stored(data));
  const [same] = among.filter(({ tensor }) => keyOf(tensor.data) === key);
  if (same) return same;
  const from = storedName(structure, name);
  return among.find(({ tensor }) => tensor.name === from) ?? null;
}

/** The initializer that a value is, through operators that leave its elements as they are. */
function storedName({ graph, producer }: Structure, value: string): string {
  let name = value;
  for (;;) {
    const node = graph.nodes[producer.get(name) ?? -1];
    if (graph.initializers.has(name) || !node || !ALIASES.has(node.op)) return name;
    name = node.inputs[0] ?? '';
  }
}

const ALIASES: ReadonlySet<string> = new Set(['Identity', 'Reshape']);

/** Operators whose further operands are scales and zero points of a matrix. */
const SCALED: ReadonlySet<string> = new Set(['DequantizeLinear', 'MatMulNBits']);

/** The bytes in the file of a weight that is widened while it is read. */
function stored(data: Bytes): Bytes {
  const widened = 'from' in data && data.from.transform === 'float16-to-float32';
  return widened ? (data.from.sources[0] ?? data) : data;
}

/** Vectors of floats: (n) or (1, .., n). Tables and scales are read by operators without a rule. */
function isVector({ type, dims }: WeightRef): boolean {
  const isFloat = type === 'float32' || type === 'float16';
  return isFloat && elementCount(dims) > 1 && dims.filter((d) => d > 1).length === 1;
}

/** Counted tensors that are too small to be weights and lie in the program. */
function inside(
  structure: Structure,
  constants: readonly Tensor[],
  block: number,
  own: readonly CountedTensor[],
): ReadWeight[] {
  const small = own.filter(({ tensor }) => tensor.data instanceof Uint8Array);
  return constants.flatMap((constant) => {
    const isFloat = constant.type === DataType.float || constant.type === DataType.double;
    const found = isFloat ? small.find(({ tensor }) => sameContent(tensor, constant)) : undefined;
    if (!found) return [];
    const { kind, blocks } = found;
    const { name } = found.tensor;
    const sublayer = sublayerOf(structure, block, name);
    return [{ weight: constant.name, name, kind, sublayer, blocks }];
  });
}

function sameContent(a: Tensor, b: Tensor): boolean {
  if (!(a.data instanceof Uint8Array && b.data instanceof Uint8Array)) return false;
  const bytes = b.data;
  return (
    a.type === b.type && a.data.length === bytes.length && a.data.every((x, k) => x === bytes[k])
  );
}

/** The half of a block in which a stored value is read first, through constants if need be. */
function sublayerOf(structure: Structure, block: number, value: string): Sublayer | null {
  const { graph, blocks, constants, region } = structure;
  if ((blocks[block]?.mid ?? null) === null) return null;
  const halves = feedForwardNodes(structure);
  const from = new Set([value]);
  for (const [position, node] of graph.nodes.entries()) {
    if (!node.inputs.some((x) => from.has(x))) continue;
    if (node.outputs.every((y) => y === '' || constants.has(y)))
      for (const y of node.outputs) from.add(y);
    else if (region[position] === block + 1) return halves[position] === 1 ? 'ffn' : 'attn';
  }
  return null;
}
