// Where a block's program reads the heads of its attention and the channels of its feed-forward:
// the products of o and down.

import { EspalierError } from '../../../errors.ts';
import { keyOf } from '../../../onnx/bytes.ts';
import { DataType, type Graph, intAttribute, type Node } from '../../../onnx/graph.ts';
import { operatorName } from '../../../onnx/operators.ts';
import { usesOf } from '../../healing/weightUses.ts';
import type { Structure } from '../../structure/structure.ts';
import type { BlockWidth, WidthMatrix } from '../../width/types.ts';
import type { BoundProgram, ElementType, Program } from '../program.ts';
import { programModel } from '../programModel.ts';
import { beforeWidening } from '../widen.ts';

/** The product of o or down in a block's program. */
export interface WidthSite {
  /** Input of the program: the stored matrix. */
  weight: string;
  /** Position of the product among the nodes of the program; its first operand is (.., inputs). */
  position: number;
  inputs: number;
  outputs: number;
  /** The key-value group or channel that owns each input. */
  owners: Int32Array;
  /** Element type of what is multiplied. */
  type: 'float32' | 'float16';
}

/** Null for a half that cannot be narrowed. */
export interface WidthSites {
  attention: WidthSite | null;
  feedForward: WidthSite | null;
}

/**
 * The sites of one block. @param bound its program
 * @throws EspalierError `unsupported-graph` where the program multiplies by o or down in a way that
 *   is not known
 */
export function widthSites(
  structure: Structure,
  bound: BoundProgram,
  { block, attention, feedForward }: BlockWidth,
): WidthSites {
  const { graph } = programModel(bound.program);
  const siteOf = (half: { matrices: readonly WidthMatrix[] } | null, part: 'o' | 'down') => {
    const matrix = half?.matrices.find((one) => one.part === part);
    return matrix ? findSite(structure, bound, graph, block, matrix) : null;
  };
  return { attention: siteOf(attention, 'o'), feedForward: siteOf(feedForward, 'down') };
}

function findSite(
  structure: Structure,
  bound: BoundProgram,
  graph: Graph,
  block: number,
  { tensor, inputs, outputs, part, owners }: WidthMatrix,
): WidthSite {
  const refuse = (why: string): EspalierError =>
    new EspalierError(
      'unsupported-graph',
      `Block ${block} cannot be measured narrower: ${why}.`,
      'Remove whole blocks of this model in its place.',
    );
  const weight = inputOf(structure, bound, tensor);
  if (weight === null) throw refuse(`its program does not read "${tensor}" (${part})`);
  const readers = readersOf(bound.program, graph, weight);
  const [only, ...others] = readers;
  if (!only || others.length > 0)
    throw refuse(`"${tensor}" (${part}) is read ${readers.length} times`);
  const { position, slot, type } = only;
  const node = graph.nodes[position]!;
  if (slot !== 1 || !isProduct(node))
    throw refuse(`${operatorName(node)} reads "${tensor}" (${part}) in a form that is not known`);
  if (type !== 'float32' && type !== 'float16')
    throw refuse(`"${tensor}" (${part}) is multiplied as ${type}`);
  return { weight, position, inputs, outputs, owners, type };
}

/**
 * The input of a program that a stored tensor is bound to: of its name, or, where the program calls
 * it otherwise, of its bytes, which several tensors of one file may share.
 */
function inputOf(structure: Structure, { weights }: BoundProgram, tensor: string): string | null {
  const stored = usesOf(structure).tensor(tensor);
  const key = stored && keyOf(stored.data);
  const bound = [...weights];
  const sameBytes = bound.filter(([, { data }]) => keyOf(beforeWidening(data)) === key);
  const [input = null] =
    bound.find(([, { name }]) => name === tensor || name === stored?.name) ??
    (sameBytes.length === 1 ? sameBytes[0] : undefined) ??
    [];
  return input;
}

interface Reader {
  position: number;
  slot: number;
  type: ElementType | undefined;
}

/** What reads a matrix, through nodes that rearrange it or make floats of it. */
function readersOf({ inputs }: Program, { nodes, initializers }: Graph, weight: string): Reader[] {
  const declared = new Map(inputs.map(({ name, type }) => [name, type]));
  const typeOf = (value: string): ElementType | undefined =>
    declared.get(value) ?? FLOATS.get(initializers.get(value)?.type ?? 0);
  const made = new Map<string, ElementType | undefined>([[weight, typeOf(weight)]]);
  const readers: Reader[] = [];
  for (const [position, node] of nodes.entries())
    for (const [slot, value] of node.inputs.entries()) {
      if (!made.has(value)) continue;
      const [, scales = ''] = node.inputs;
      let type = made.get(value);
      if (node.op === 'Cast') type = FLOATS.get(intAttribute(node, 'to') ?? 0);
      if (node.op === 'DequantizeLinear') type = typeOf(scales);
      if (slot === 0 && PASSING.has(node.op)) made.set(node.outputs[0] ?? '', type);
      else {
        const fewBits = node.op === 'MatMulNBits';
        readers.push({ position, slot, type: fewBits ? typeOf(node.inputs[2] ?? '') : type });
      }
    }
  return readers;
}

const FLOATS: ReadonlyMap<number, ElementType> = new Map([
  [DataType.float, 'float32'],
  [DataType.float16, 'float16'],
]);

const PASSING: ReadonlySet<string> = new Set([
  'Identity',
  'Cast',
  'Transpose',
  'Reshape',
  'Squeeze',
  'Unsqueeze',
  'DequantizeLinear',
]);

const PRODUCTS: ReadonlySet<string> = new Set([
  'MatMul',
  'Gemm',
  'com.microsoft.FusedMatMul',
  'com.microsoft.MatMulNBits',
]);

/** Products whose first operand has a column for each input, in order. */
function isProduct(node: Node): boolean {
  const turned = ['transA', 'transBatchA', 'transBatchB'].some((name) => intAttribute(node, name));
  // Inputs of a MatMulNBits may be in another order (g_idx).
  const reordered = node.op === 'MatMulNBits' && Boolean(node.inputs[4]);
  return PRODUCTS.has(operatorName(node)) && !turned && !reordered;
}
