// Blocks without attention and cache (Mamba layers whose states are no inputs), found by the
// residual stream: between two cuts lies what is added to it.

import type { Flow } from '../flow.ts';
import { PRODUCT_OPS } from './attention.ts';

/** Operators that mix tokens of a sequence by their definition. */
const MIXING_OPS: ReadonlySet<string> = new Set([
  'Conv',
  'ConvTranspose',
  'CumSum',
  'Scan',
  'Loop',
  'LSTM',
  'GRU',
  'RNN',
  'CausalConvWithState',
  'LinearAttention',
]);
/** Operators between a table and a product that reads rows of it: experts chosen by a router. */
const TABLE_OPS: ReadonlySet<string> = new Set([
  'Transpose',
  'Reshape',
  'Unsqueeze',
  'Squeeze',
  'Cast',
  'Identity',
  'DequantizeLinear',
]);
const GATHERS: ReadonlySet<string> = new Set(['Gather', 'GatherElements', 'GatherND']);

/**
 * For each stretch between two cuts that mixes tokens and has no anchor, the first node that does.
 * @param anchors of attention, ascending.
 */
export function mixerAnchors(flow: Flow, anchors: readonly number[]): number[] {
  const found: number[] = [];
  const ends = sumCuts(flow);
  let next = 0;
  let p = 0;
  for (const end of ends) {
    while (next < anchors.length && anchors[next]! < p) next++;
    const anchored = next < anchors.length && anchors[next]! <= end;
    let first = -1;
    for (; p <= end; p++) if (!anchored && first < 0 && mixesTokens(flow, p)) first = p;
    if (first >= 0) found.push(first);
    p = end + 1;
  }
  return found;
}

/**
 * Anchors by the number of residual sums alone: with the same number of them in each of `layers`
 * blocks, the first node after each block's beginning, or the anchor inside it. Null when they do
 * not come out even, or when a block would have several of the anchors.
 */
export function sumAnchors(
  flow: Flow,
  anchors: readonly number[],
  layers: number,
): number[] | null {
  const ends = sumCuts(flow);
  const each = ends.length / layers;
  if (layers < 1 || each < 1 || !Number.isInteger(each)) return null;
  const found: number[] = [];
  for (let k = 0; k < layers; k++) {
    const from = k === 0 ? firstAfterEmbedding(flow) : ends[k * each - 1]!;
    const to = ends[(k + 1) * each - 1]!;
    const inside = anchors.filter((p) => p > from && p <= to);
    if (inside.length > 1) return null;
    found.push(inside[0] ?? from + 1);
  }
  return anchors.every((p) => found.includes(p)) ? found : null;
}

/** Positions of the cuts at which something is added to the residual stream. */
function sumCuts({ nodes, deps, content, cuts }: Flow): number[] {
  return cuts.flatMap(({ position }) => {
    const sum =
      nodes[position]?.op === 'Add' && deps[position]!.filter((x) => content.has(x)).length > 1;
    return sum ? [position] : [];
  });
}

/** The position of the last cut that comes before any operator with two operands. */
function firstAfterEmbedding({ nodes, deps, content, cuts, source }: Flow): number {
  let last = cuts.find(({ value }) => value === source)?.position ?? -1;
  for (const { position } of cuts) {
    if (position <= last) continue;
    const chained = deps[position]!.filter((x) => content.has(x)).length === 1;
    if (!chained || nodes[position]!.op === 'MatMul') break;
    last = position;
  }
  return last;
}

function mixesTokens(flow: Flow, position: number): boolean {
  const { nodes, onPath, content } = flow;
  const node = nodes[position]!;
  if (!onPath[position]) return false;
  if (MIXING_OPS.has(node.op)) return true;
  if (!PRODUCT_OPS.has(node.op)) return false;
  const operands = node.inputs.slice(0, 2);
  return operands.every((x) => content.has(x) && !isChosenWeight(flow, x));
}

/** True for rows of a constant table that were chosen by a content value. */
function isChosenWeight({ nodes, producer, constants }: Flow, value: string): boolean {
  let at = value;
  for (let step = 0; step < 8; step++) {
    const node = nodes[producer.get(at) ?? -1];
    if (!node) return false;
    if (GATHERS.has(node.op)) return constants.has(node.inputs[0] ?? '');
    if (!TABLE_OPS.has(node.op)) return false;
    at = node.inputs[0] ?? '';
  }
  return false;
}
