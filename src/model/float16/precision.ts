// Decides for every float32 value of a graph whether it becomes float16: forwards along the values
// that carry the text, then backwards along what is prepared for them.

import { subgraphs } from '../../onnx/captures.ts';
import type { Node } from '../../onnx/graph.ts';
import { isSelection } from './branches.ts';
import {
  EITHER_OPS,
  FULL_INPUTS,
  FULL_OUTPUTS,
  HALF_OPS,
  MOVERS,
  STATISTIC_OPS,
} from './operators.ts';
import type { Wires } from './wires.ts';

export type Precision = 'half' | 'full';

export interface Precisions {
  /** Of a value that a node or an input makes. */
  of(value: string): Precision;
  /** How a node reads the float32 value of a slot; null: as it comes. */
  read(node: Node, slot: number): Precision | null;
  /** Precisions in which a constant is read. */
  wanted(constant: string): ReadonlySet<Precision>;
}

const NOBODY: ReadonlySet<Precision> = new Set();

/**
 * @param given precisions of the graph's float32 inputs and outputs, by name
 */
export function decidePrecisions(wires: Wires, given: ReadonlyMap<string, Precision>): Precisions {
  const { graph, isFloat, root, constants, content } = wires;
  const made = new Map<string, Precision>(
    [...given].filter(([name]) => graph.inputs.some((input) => input.name === name)),
  );
  /** Statistics that have not met the values again. */
  const statistics = new Set<string>();
  const reads = new Map<Node, Precision | null>();
  const flexible = new Set<Node>();
  const unasked: Node[] = [];

  for (const node of graph.nodes) {
    if (wires.isNoop(node) || node.op === 'Constant') continue;
    if (isFlexible(node)) flexible.add(node);
    else decide(node);
  }
  const wanted = new Map<string, Set<Precision>>();
  for (const { name } of graph.outputs) {
    const as = given.get(name);
    if (as) want(root(name), as);
  }
  for (const node of graph.nodes.toReversed()) {
    if (flexible.has(node) || isEarly(node)) settle(node);
    demand(node);
  }
  unasked.forEach(follow);
  return {
    of: (value) => made.get(root(value)) ?? 'full',
    read,
    wanted: (value) => wanted.get(value) ?? NOBODY,
  };

  function read(node: Node, slot: number): Precision | null {
    if (FULL_INPUTS.get(node.op)?.includes(slot)) return 'full';
    return reads.get(node) ?? null;
  }

  /** Prepared for others, whose precision it takes: constants and what only moves elements. */
  function isFlexible(node: Node): boolean {
    const fixed = node.outputs.every((x) => x && constants.has(x));
    if (fixed) return EITHER_OPS.has(node.op) || moves(node);
    return !node.outputs.some((x) => content.has(x)) && moves(node);
  }

  function moves(node: Node): boolean {
    if (!node.outputs.some(isFloat)) return false;
    if (subgraphs(node).length > 0) return isSelection(node);
    return MOVERS.has(node.op) || node.op === 'Cast';
  }

  function decide(node: Node): void {
    const floats = floatInputs(node);
    const makes = node.outputs.some(isFloat);
    if (floats.length === 0 && !makes) return;
    const as = precisionOf(node, floats, makes);
    reads.set(node, as);
    for (const [k, x] of node.outputs.entries()) {
      if (!isFloat(x)) continue;
      const full = as !== 'half' || FULL_OUTPUTS.get(node.op)?.includes(k);
      made.set(x, full ? 'full' : 'half');
    }
    if (as === 'full' && carriesStatistic(node, floats))
      for (const x of node.outputs) statistics.add(x);
  }

  function precisionOf(node: Node, floats: string[], makes: boolean): Precision | null {
    if (!makes && floats.length < 2) return null;
    const live = floats.filter((x) => content.has(x));
    if (!node.outputs.some((x) => content.has(x)) || subgraphs(node).length > 0) return 'full';
    if (HALF_OPS.has(node.op)) return 'half';
    const mover = MOVERS.has(node.op);
    if (!mover && !EITHER_OPS.has(node.op) && node.op !== 'Cast' && makes) return 'full';
    if (live.some((x) => statistics.has(x))) return 'full';
    // Constants of several elements are weights, single ones the numbers of a formula.
    if (!mover && floats.some((x) => wires.elements(x) > 1)) return 'half';
    return live.length > 0 && live.every((x) => made.get(x) === 'full') ? 'full' : 'half';
  }

  /** True for statistics, and for what formulas make of them alone. */
  function carriesStatistic(node: Node, floats: string[]): boolean {
    if (!node.outputs.some((x) => content.has(x))) return false;
    if (STATISTIC_OPS.has(node.op)) return true;
    return (
      (EITHER_OPS.has(node.op) || MOVERS.has(node.op)) &&
      floats.some((x) => statistics.has(x)) &&
      floats.every((x) => statistics.has(x) || constants.has(x))
    );
  }

  function floatInputs(node: Node): string[] {
    return node.inputs.map(root).filter((x) => x !== '' && isFloat(x));
  }

  /** A move of what is cast behind it anyway, and once for all such moves when cast before. */
  function isEarly(node: Node): boolean {
    return (
      MOVERS.has(node.op) &&
      reads.get(node) === 'full' &&
      subgraphs(node).length === 0 &&
      node.outputs.every((x) => !isFloat(x) || onlyHalf(x))
    );
  }

  function onlyHalf(value: string): boolean {
    const asked = [...(wanted.get(value) ?? NOBODY)];
    return asked.length > 0 && asked.every((as) => as === 'half');
  }

  /**
   * A value whose numbers nobody reads, only its size: it has the precision of what it is made of.
   */
  function follow(node: Node): void {
    const [source = ''] = floatInputs(node);
    const as = made.get(source) ?? (onlyHalf(source) ? 'half' : 'full');
    for (const x of node.outputs) if (isFloat(x)) made.set(x, as);
  }

  /** float16 where all who read it want that. */
  function settle(node: Node): void {
    const asked = node.outputs.filter((x) => isFloat(x) && wanted.has(x));
    const [only, ...more] = floatInputs(node);
    if (asked.length === 0 && only && more.length === 0) {
      reads.set(node, null);
      unasked.unshift(node);
      return;
    }
    const as = asked.length > 0 && asked.every(onlyHalf) ? 'half' : 'full';
    reads.set(node, as);
    for (const x of node.outputs) if (isFloat(x)) made.set(x, as);
  }

  function demand(node: Node): void {
    if (wires.isNoop(node)) return;
    for (const [slot, x] of node.inputs.entries()) {
      const as = read(node, slot);
      if (x && as && isFloat(root(x))) want(root(x), as);
    }
    const captured = reads.get(node) ?? 'full';
    for (const x of wires.captured(node)) if (isFloat(x)) want(root(x), captured);
  }

  function want(value: string, as: Precision): void {
    const known = wanted.get(value);
    if (known) known.add(as);
    else wanted.set(value, new Set([as]));
  }
}
