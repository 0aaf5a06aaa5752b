// What a block computes when one of its sublayers adds nothing: the residual stream goes around it,
// and whatever scales the stream on the way stays.

import { dependencies } from '../../onnx/captures.ts';
import type { Node } from '../../onnx/graph.ts';
import { shortName } from '../../onnx/limits.ts';
import { blockOf, type Sublayer, type SublayerUnit, sublayerOf } from '../../units.ts';
import { remembered } from './remembered.ts';
import type { Block, Structure } from './structure.ts';

/** Operators that pass every element of the stream on. */
const PASSING: ReadonlySet<string> = new Set([
  'Cast',
  'Identity',
  'Reshape',
  'Squeeze',
  'Unsqueeze',
  'Flatten',
]);

/** How the residual stream goes around a sublayer. */
export interface Bypass {
  /**
   * Value to the one that its readers read when the sublayer adds nothing. Where the stream is only
   * added to, that is the value after the sublayer and the one before it; else each sum and its
   * operand, so that scaling before or after a sum still applies.
   */
  replace: ReadonlyMap<string, string>;
  /** Positions of the nodes that scale the stream, and of what only they read; they stay. */
  kept: readonly number[];
  /** Why the sublayer cannot be taken out alone, as a sentence, or null. */
  obstacle: string | null;
}

const NONE: Bypass = { replace: new Map(), kept: [], obstacle: null };

/** The bypasses of each block; empty ones for blocks without a middle value. */
export const bypasses = remembered((structure): readonly Record<Sublayer, Bypass>[] =>
  structure.blocks.map((block) => ({
    attn: findBypass(structure, block, 'attn'),
    ffn: findBypass(structure, block, 'ffn'),
  })),
);

/** The bypass of a sublayer. */
export function bypassOf(structure: Structure, unit: SublayerUnit): Bypass {
  return bypasses(structure)[blockOf(unit)]?.[sublayerOf(unit) ?? 'attn'] ?? NONE;
}

/** A value on the way of the stream: the one before it, and what lies between. */
interface Step {
  before: string;
  kind: 'sum' | 'scale' | 'pass';
}

function findBypass(structure: Structure, block: Block, sublayer: Sublayer): Bypass {
  const { input, mid, output, index } = block;
  if (mid === null) return NONE;
  const [from, to] = sublayer === 'attn' ? [input, mid] : [mid, output];
  const steps = stepsFrom(structure, from, to);
  const path: { value: string; step: Step }[] = [];
  for (let value = to; value !== from; ) {
    const step = steps.get(value);
    if (!step) return { ...NONE, obstacle: interrupted(structure, index, sublayer, value) };
    path.push({ value, step });
    value = step.before;
  }
  if (path.every(({ step }) => step.kind !== 'scale'))
    return { ...NONE, replace: new Map([[to, from]]) };
  const sums = path.filter(({ step }) => step.kind === 'sum');
  const others = path.filter(({ step }) => step.kind !== 'sum');
  return {
    replace: new Map(sums.map(({ value, step }) => [value, step.before])),
    kept: withOwnOperands(
      structure,
      others.map(({ value }) => structure.producer.get(value)!),
    ),
    obstacle: null,
  };
}

/**
 * The values that the stream reaches from one value by additions, scaling by what does not depend
 * on the tokens, and operators that pass it on. A sum of two such values is none of them: which is
 * the stream would be a guess.
 */
function stepsFrom(structure: Structure, from: string, to: string): Map<string, Step> {
  const { graph, producer, content } = structure;
  const steps = new Map<string, Step>();
  const reached = (x: string | undefined): x is string => x === from || steps.has(x ?? '');
  const last = producer.get(to) ?? -1;
  for (let p = (producer.get(from) ?? -1) + 1; p <= last; p++) {
    const node = graph.nodes[p]!;
    const [value, second] = node.outputs;
    const [a = '', b = '', ...more] = node.inputs;
    if (!value || second || more.some((x) => reached(x))) continue;
    if (node.op === 'Add' && reached(a) !== reached(b))
      steps.set(value, { before: reached(a) ? a : b, kind: 'sum' });
    else if (node.op === 'Mul' && reached(a) && !content.has(b))
      steps.set(value, { before: a, kind: 'scale' });
    else if (node.op === 'Mul' && reached(b) && !content.has(a))
      steps.set(value, { before: b, kind: 'scale' });
    else if (node.op === 'Div' && reached(a) && !content.has(b))
      steps.set(value, { before: a, kind: 'scale' });
    else if (PASSING.has(node.op) && reached(a) && !content.has(b))
      steps.set(value, { before: a, kind: 'pass' });
  }
  return steps;
}

/** The nodes, and those of the same region without content that they read. */
function withOwnOperands(structure: Structure, positions: readonly number[]): number[] {
  const { graph, producer, region, content } = structure;
  const found = new Set(positions);
  const pending = [...positions];
  for (let p = pending.pop(); p !== undefined; p = pending.pop()) {
    for (const x of dependencies(graph.nodes[p]!)) {
      const q = producer.get(x);
      if (q === undefined || found.has(q) || region[q] !== region[p] || content.has(x)) continue;
      found.add(q);
      pending.push(q);
    }
  }
  return [...found];
}

function interrupted(
  { graph, producer }: Structure,
  index: number,
  sublayer: Sublayer,
  value: string,
): string {
  const node = graph.nodes[producer.get(value) ?? -1];
  const what = sublayer === 'attn' ? 'attention' : 'feed-forward';
  return (
    `The ${what} of block ${index} cannot be taken out alone: the residual stream goes around it ` +
    `by more than additions and scaling (${node ? label(node) : shortName(value)}).`
  );
}

function label(node: Node): string {
  return `${node.op} ${shortName(node.name || (node.outputs[0] ?? ''))}`;
}
