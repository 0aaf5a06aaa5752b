// Which columns of a product are query, key and value, where one matrix holds all three.

import { intAttribute, type Node } from '../../onnx/graph.ts';
import type { Value } from '../shapes/value.ts';

interface Parts {
  /** Null where the product is one thing, or its columns alternate. */
  parts: readonly (readonly [from: number, to: number])[] | null;
  /** The three are in it, but not column after column. */
  mixed: boolean;
}

const ONE: Parts = { parts: null, mixed: false };
const MIXED: Parts = { parts: null, mixed: true };

/** Operators that leave columns where they are. */
const COLUMNWISE: ReadonlySet<string> = new Set(['Add', 'Cast', 'Clip', 'Identity', 'Mul']);

/** Operators that arrange what was once columns. */
const ARRANGING: ReadonlySet<string> = new Set(['Reshape', 'Transpose', 'Unsqueeze', 'Squeeze']);

/** Steps between a product and where it is taken apart: a bias, a type, a flat form. */
const STEPS = 8;

/**
 * Follows a product to where it is taken apart: GroupQueryAttention reads query, key and value one
 * after the other, Split and Slice cut three parts of which the last two are equally wide.
 * @param y the product, of so many columns.
 */
export function partsOfProduct(
  y: string,
  columns: number,
  readers: ReadonlyMap<string, Node[]>,
  values: ReadonlyMap<string, Value>,
): Parts {
  let value = y;
  let inPlace = true;
  let byHead = false;
  for (let step = 0; step < STEPS; step++) {
    const own = (readers.get(value) ?? []).filter(({ op }) => op !== 'Shape');
    const [node] = own;
    const parts = cut(value, own, values);
    if (parts !== null && !(inPlace && parts !== THREE))
      return byHead && (parts === THREE || parts.length === 3) ? MIXED : ONE;
    if (parts !== null) return isThree(parts, columns) ? { parts, mixed: false } : ONE;
    if (!node || own.length > 1) return ONE;
    const next = node.outputs[0] ?? '';
    const wide = values.get(next)?.dims.at(-1);
    const stays = node.op === 'Reshape' && wide === columns;
    byHead ||= node.op === 'Reshape' && !stays;
    if (ARRANGING.has(node.op)) inPlace &&= stays;
    else if (!COLUMNWISE.has(node.op) || wide !== values.get(value)?.dims.at(-1)) return ONE;
    value = next;
  }
  return ONE;
}

/** Three parts of another axis than the columns. */
const THREE = 'three';

type Ranges = (readonly [from: number, to: number])[];

function isThree(parts: Ranges, columns: number): boolean {
  const [, key = [0, 0], value = [0, 0]] = parts;
  const whole = parts.length === 3 && parts[2]?.[1] === columns;
  return whole && key[1] - key[0] === value[1] - value[0];
}

/** The columns that these readers take; `THREE` where they take three parts of another axis. */
function cut(
  value: string,
  readers: readonly Node[],
  values: ReadonlyMap<string, Value>,
): Ranges | typeof THREE | null {
  const [node] = readers;
  const dims = values.get(value)?.dims ?? [];
  const last = dims.length - 1;
  if (node?.op === 'GroupQueryAttention' && readers.length === 1 && !node.inputs[1]) {
    const heads = intAttribute(node, 'num_heads') ?? 0;
    const groups = intAttribute(node, 'kv_num_heads') ?? 0;
    const size = (dims[last] ?? 0) / (heads + 2 * groups);
    return inOrder([heads * size, groups * size, groups * size]);
  }
  if (node?.op === 'Split' && readers.length === 1 && node.inputs[0] === value) {
    const axis = intAttribute(node, 'axis') ?? 0;
    const sizes = node.outputs.map((y) => values.get(y)?.dims.at(axis) ?? 0);
    if (axis === -1 || axis === last) return inOrder(sizes);
    return sizes.length === 3 ? THREE : null;
  }
  const picks = readers.every(({ op }) => op === 'Slice' || op === 'Gather');
  if (readers.length < 3 || !picks) return null;
  const ranges = readers.map((reader) => columnsOf(reader, last, dims[last] ?? 0, values));
  const known = ranges.filter((range) => range !== null).sort((a, b) => a[0] - b[0]);
  const joined = known.every(([from], k) => from === (k === 0 ? 0 : known[k - 1]?.[1]));
  return known.length === readers.length && joined ? known : THREE;
}

function inOrder(sizes: readonly number[]): Ranges {
  let end = 0;
  return sizes.map((size): [number, number] => {
    end += size;
    return [end - size, end];
  });
}

/** The columns that a Slice takes, all rows of them; null for any other form. */
function columnsOf(
  node: Node,
  last: number,
  columns: number,
  values: ReadonlyMap<string, Value>,
): [number, number] | null {
  const operand = (k: number): number | undefined => {
    const data = values.get(node.inputs[k] ?? '')?.data;
    return data?.length === 1 ? data[0] : undefined;
  };
  const [from, to, axis] = [operand(1), operand(2), operand(3)];
  const step = node.inputs[4] ? operand(4) : 1;
  if (node.op !== 'Slice' || from === undefined || to === undefined || step !== 1) return null;
  if (axis !== -1 && axis !== last) return null;
  const at = (k: number): number => Math.min(columns, k < 0 ? k + columns : k);
  return [at(from), at(to)];
}
