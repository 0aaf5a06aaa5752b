// Where the result of one product is taken apart: the columns of each part.

import { intAttribute, type Node } from '../../../onnx/graph.ts';
import { constantInts, type Subgraph } from '../../programs/subgraph.ts';

/** Columns from..to of a product, and the value that holds them. */
export interface Columns {
  columns: readonly [from: number, to: number];
  value: string;
}

/** Operators that leave columns where they are: a bias, a type. */
const COLUMNWISE: ReadonlySet<string> = new Set(['Add', 'Identity', 'Cast']);

/**
 * The parts in the order of the columns; null where the result is not cut into stretches of its
 * columns that cover all of them.
 * @param outputs columns of the product
 * @param readersOf the nodes of the block that read a value, for more than its size
 */
export function partsOf(
  product: Node,
  outputs: number,
  graph: Subgraph,
  readersOf: (value: string) => readonly Node[],
): Columns[] | null {
  let value = product.outputs[0] ?? '';
  for (;;) {
    const readers = readersOf(value);
    const [first, ...others] = readers;
    if (!first) return null;
    if (others.length === 0 && COLUMNWISE.has(first.op)) {
      value = first.outputs[0] ?? '';
      continue;
    }
    const parts =
      others.length === 0 && first.op === 'Split'
        ? splitParts(first, outputs, graph)
        : slices(readers, outputs, graph);
    parts?.sort((a, b) => a.columns[0] - b.columns[0]);
    const joined = parts?.every(({ columns }, k) => columns[0] === (parts[k - 1]?.columns[1] ?? 0));
    return parts && joined && parts.at(-1)?.columns[1] === outputs ? parts : null;
  }
}

/** The sizes add up to the columns only where the last axis is split. */
function splitParts(node: Node, outputs: number, graph: Subgraph): Columns[] | null {
  const attribute = node.attributes.get('split');
  const count = node.outputs.length;
  const equal = Array.from({ length: count }, () => outputs / count);
  const given = node.inputs[1] ? constantInts(graph, node.inputs[1]) : equal;
  const sizes = attribute?.kind === 'ints' ? attribute.value : given;
  if (!sizes || !isLast(intAttribute(node, 'axis') ?? 0)) return null;
  let end = 0;
  return node.outputs.map((value, k) => {
    end += sizes[k] ?? Number.NaN;
    return { columns: [end - (sizes[k] ?? 0), end] as const, value };
  });
}

function slices(readers: readonly Node[], outputs: number, graph: Subgraph): Columns[] | null {
  const found: Columns[] = [];
  for (const { op, inputs, outputs: results } of readers) {
    const [from, to, axis, step] = [1, 2, 3, 4].map((slot) => {
      const ints = inputs[slot] ? constantInts(graph, inputs[slot]) : null;
      return ints?.length === 1 ? ints[0] : undefined;
    });
    if (op !== 'Slice' || from === undefined || to === undefined || !isLast(axis ?? 0)) return null;
    if (step !== undefined && step !== 1) return null;
    const at = (k: number): number => Math.min(outputs, k < 0 ? k + outputs : k);
    found.push({ columns: [at(from), at(to)], value: results[0] ?? '' });
  }
  return found;
}

/** Of (B, S, columns), or (B S, columns) counted from the end. */
const isLast = (axis: number): boolean => axis === -1 || axis === 2;
