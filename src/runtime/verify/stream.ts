// Reads the residual stream of a graph as it is in its file: what is added to it and what scales
// it, from the embedding to the head. It shares nothing with the search for cuts and sublayers, so
// that a check can hold one against the other.

import { dependencies } from '../../onnx/captures.ts';
import type { Graph, Node } from '../../onnx/graph.ts';
import { sortedNodes } from '../../onnx/sort.ts';

/** One thing that happens to the stream. `start`: an embedded token. */
export type StreamStep =
  | { kind: 'start'; value: string }
  | { kind: 'add'; term: string }
  | { kind: 'bias'; value: string }
  | { kind: 'scale'; op: string; by: string };

/** The stream after some steps. Casts and reshapes give the same one. */
export interface StreamValue {
  before: StreamValue | null;
  step: StreamStep;
  /** Steps since the start. */
  depth: number;
  /** Terms added since the start. */
  adds: number;
}

/** A node as it is compared: fused skip norms are a sum and a norm. */
export interface PlainNode {
  op: string;
  inputs: readonly string[];
  outputs: readonly string[];
  /** Everything that the node reads, captured values included. */
  reads: readonly string[];
  /** The node of the graph that it is, or is a part of. */
  origin: Node;
}

export interface StreamReading {
  nodes: readonly PlainNode[];
  producer: ReadonlyMap<string, PlainNode>;
  /** By name. */
  values: ReadonlyMap<string, StreamValue>;
  /** The stream that leads to the head, from its start; empty when there is none. */
  trunk: readonly StreamValue[];
}

const FUSED: ReadonlyMap<string, string> = new Map([
  ['SkipSimplifiedLayerNormalization', 'SimplifiedLayerNormalization'],
  ['SkipLayerNormalization', 'LayerNormalization'],
]);
const SIZES: ReadonlySet<string> = new Set(['Shape', 'Size']);
const SAME: ReadonlySet<string> = new Set([
  'Cast',
  'Identity',
  'Reshape',
  'Squeeze',
  'Unsqueeze',
  'Flatten',
]);

/** What some models do to the embeddings before the first block: norms, whole or in parts. */
const PREPARING: ReadonlySet<string> = new Set([
  'DequantizeLinear',
  'LayerNormalization',
  'SimplifiedLayerNormalization',
  'RMSNormalization',
  'Sub',
  'Div',
  'Mul',
]);

/**
 * The stream, read forwards.
 * @param tokenInput the graph input of token ids or embeddings
 */
export function readStream(graph: Graph, tokenInput: string, embedsInput: boolean): StreamReading {
  const nodes = sortedNodes(graph).flatMap(plain);
  const producer = new Map<string, PlainNode>();
  for (const node of nodes) for (const value of node.outputs) if (value) producer.set(value, node);
  const content = new Set([tokenInput]);
  const values = new Map<string, StreamValue>();
  const begin = (value: string): void => {
    values.set(value, { before: null, step: { kind: 'start', value }, depth: 0, adds: 0 });
  };
  if (embedsInput) begin(tokenInput);
  const ids = new Set(embedsInput ? [] : [tokenInput]);
  let longest: StreamValue | null = null;
  for (const node of nodes) {
    const [value = ''] = node.outputs;
    if (SIZES.has(node.op) || !node.reads.some((x) => content.has(x))) continue;
    for (const x of node.outputs) if (x) content.add(x);
    if (SAME.has(node.op) && ids.has(node.inputs[0] ?? '')) {
      ids.add(value);
      continue;
    }
    // A lookup of the ids in a table.
    if (/^(Gather|GatherBlockQuantized|EmbedLayerNormalization)$/.test(node.op)) {
      if (node.inputs.slice(0, 2).some((x) => ids.has(x))) begin(value);
      continue;
    }
    const next = follow(node, values, content);
    if (!next && PREPARING.has(node.op) && values.get(node.inputs[0] ?? '')?.adds === 0)
      begin(value);
    if (!next) continue;
    values.set(value, next);
    if (
      next.adds > (longest?.adds ?? 0) ||
      (next.adds === longest?.adds && next.depth > longest.depth)
    )
      longest = next;
  }
  const trunk: StreamValue[] = [];
  for (let at = longest; at; at = at.before) trunk.unshift(at);
  return { nodes, producer, values, trunk };
}

/** The stream after a node that reads it, or null where it is no longer the stream. */
function follow(
  { op, inputs }: PlainNode,
  values: ReadonlyMap<string, StreamValue>,
  content: ReadonlySet<string>,
): StreamValue | null {
  const [a = '', b = ''] = inputs;
  const [first, second] = [values.get(a), values.get(b)];
  if (SAME.has(op)) return first ?? null;
  if (!(first || second)) return null;
  // Of two streams the longer one goes on: the other one is a second table of embeddings.
  const takesSecond = (second?.adds ?? -1) > (first?.adds ?? -1);
  const before = (takesSecond ? second : first) as StreamValue;
  const other = takesSecond ? a : b;
  if (first && second && (op !== 'Add' || first.adds === second.adds)) return null;
  const after = (step: StreamStep, adds = 0): StreamValue => ({
    before,
    step,
    depth: before.depth + 1,
    adds: before.adds + adds,
  });
  if (op === 'Add')
    return content.has(other)
      ? after({ kind: 'add', term: other }, 1)
      : after({ kind: 'bias', value: other });
  const scales = op === 'Mul' || (op === 'Div' && before === first);
  return scales && !content.has(other) ? after({ kind: 'scale', op, by: other }) : null;
}

function plain(node: Node): PlainNode[] {
  const norm = FUSED.get(node.op);
  const [x = '', skip = ''] = node.inputs;
  const own = {
    op: node.op,
    inputs: node.inputs,
    outputs: node.outputs,
    reads: dependencies(node),
    origin: node,
  };
  if (!norm || !node.outputs[0]) return [own];
  const simplified = node.op === 'SkipSimplifiedLayerNormalization';
  const [gamma, beta, bias] = simplified
    ? [node.inputs[2], '', node.inputs[3]]
    : [node.inputs[2], node.inputs[3], node.inputs[4]];
  const sum = node.outputs[3] || `${node.outputs[0]} (sum)`;
  const first = bias ? `${sum} (without bias)` : sum;
  const made = (op: string, inputs: string[], outputs: readonly string[]): PlainNode => ({
    op,
    inputs,
    outputs,
    reads: inputs,
    origin: node,
  });
  return [
    made('Add', [x, skip], [first]),
    ...(bias ? [made('Add', [first, bias], [sum])] : []),
    made(norm, [sum, gamma ?? '', ...(beta ? [beta] : [])], node.outputs.slice(0, 3)),
  ];
}

/** What a term that is added to the trunk is made of. */
export interface TermReading {
  /** The last value of the trunk that it reads, by its depth; -1 for none. */
  from: number;
  /** The first one; infinite for none. */
  since: number;
  /** True when it reads a cache or, in graphs without caches, has an attention operator. */
  mixes: boolean;
}

const MIXING: ReadonlySet<string> = new Set([
  'Softmax',
  'Attention',
  'GroupQueryAttention',
  'MultiHeadAttention',
  'PagedAttention',
  'DecoderMaskedMultiHeadAttention',
  'LinearAttention',
  'CausalConvWithState',
]);

/** Walks a term back to the stream. @param caches names of inputs that hold caches and states */
export function readTerm(
  { values, producer, trunk }: StreamReading,
  term: string,
  caches: ReadonlySet<string>,
): TermReading {
  const onTrunk = new Set(trunk);
  const seen = new Set<string>();
  const found: TermReading = { from: -1, since: Number.POSITIVE_INFINITY, mixes: false };
  const pending = [term];
  for (let x = pending.pop(); x !== undefined; x = pending.pop()) {
    if (seen.has(x)) continue;
    seen.add(x);
    if (caches.has(x)) found.mixes = true;
    let at: StreamValue | null = values.get(x) ?? null;
    while (at && !onTrunk.has(at)) at = at.before;
    if (at) {
      found.from = Math.max(found.from, at.depth);
      found.since = Math.min(found.since, at.depth);
      continue;
    }
    const node = producer.get(x);
    if (!node || SIZES.has(node.op)) continue;
    if (caches.size === 0 && MIXING.has(node.op)) found.mixes = true;
    pending.push(...node.reads);
  }
  return found;
}
