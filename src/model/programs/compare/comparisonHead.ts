// Two heads, or one that runs twice, on the last hidden states of the original and of a plan: they
// compare the two predictions on the device, so that no (B, S, V) tensor is read back.

import { DataType, elementCount } from '../../../onnx/graph.ts';
import { renameNode } from '../../../onnx/rename.ts';
import { Appender, appendTokenNll, dropLastPosition, TARGETS } from '../nll.ts';
import { copyNode, type Subgraph } from '../subgraph.ts';
import { SMALL } from '../weights.ts';

/** Before the names of the values of the second head, the plan's: weights, results. */
const OF_OTHER = 'espalier/other/';

/** Name of the second residual stream, the plan's. */
export const OTHER = `${OF_OTHER}residual`;

/** True for the name of a weight of the second head. */
export const isOfOther = (value: string): boolean => value.startsWith(OF_OTHER);

/** The outputs of the program in order, each (B, S - 1) float32. */
export const COMPARED = ['nll', 'nll-other', 'kl', 'top'] as const;

/**
 * Lower bound of logits minus their maximum. Below it exp() is 0 in float32 anyway; it keeps
 * -inf - -inf = NaN out of the KL divergence.
 */
const FLOOR = -1e4;

/** What the plan's states run through; the same head with the same weights by default. */
interface SecondHead {
  /** It has weights of its own (`isOfOther`), the same bytes at first. */
  apart?: boolean;
  /** Another head of the same vocabulary; it stays as it was. */
  other?: { head: Subgraph; residual: string };
}

/**
 * Turns a head, residual (B, S, C) -> logits (B, S, V), into
 * (residual, other residual, targets (B, S - 1)) -> four values per position: both NLLs,
 * KL(original || plan) = sum p (log p - log q) in nats, and max over V of the sum of both logits
 * minus their maxima, which is 0 exactly where the two share a most likely token.
 * @param residual the value of the residual stream that the head reads.
 * @returns a new subgraph; `head` stays as it was.
 */
export function comparisonHead(
  head: Subgraph,
  residual: string,
  opset: number,
  { apart = false, other }: SecondHead = {},
): Subgraph {
  const subgraph: Subgraph = {
    nodes: head.nodes.map(copyNode),
    inputs: [...head.inputs],
    outputs: [...head.outputs],
    initializers: new Map(head.initializers),
  };
  dropLastPosition(subgraph, residual);
  const logits = subgraph.outputs[0] as string;
  const second = other
    ? appendOther(subgraph, other)
    : appendSecondHead(subgraph, residual, apart)(logits);
  const p = appendTokenNll(new Appender(subgraph, opset, 'espalier/nll'), logits);
  const q = appendTokenNll(new Appender(subgraph, opset, 'espalier/other/nll'), second);
  const at = new Appender(subgraph, opset, 'espalier/compared');
  const floor = addFloat(subgraph, 'espalier/floor', FLOOR);
  // Clip and not Max, which has no WebGPU kernel. Its bounds became inputs in opset 11.
  const bounded = (value: string, suffix: string): string =>
    opset >= 11
      ? at.put('Clip', [value, floor], suffix)
      : at.put('Clip', [value], suffix, { min: { float: FLOOR } });
  const [zp, zq] = [bounded(p.shifted, 'p'), bounded(q.shifted, 'q')];
  // log p - log q as (zp - zq) - (log sum p - log sum q): the large terms cancel before the
  // product.
  const logRatio = at.put(
    'Sub',
    [at.put('Sub', [zp, zq], 'gap_z'), at.put('Sub', [p.logSum, q.logSum], 'gap_sum')],
    'gap',
  );
  const probability = at.put('Div', [p.exp, p.sum], 'share');
  const terms = at.put('Mul', [probability, logRatio], 'terms');
  const kl = at.overLast('ReduceSum', terms, 'kl', { keepdims: 0 });
  const top = at.overLast('ReduceMax', at.put('Add', [zp, zq], 'both'), 'top', { keepdims: 0 });
  subgraph.inputs.push(OTHER, TARGETS);
  subgraph.outputs = [p.nll, q.nll, kl, top];
  return subgraph;
}

/**
 * Repeats every node that depends on the residual stream for the other stream, with the same
 * weights; `apart`, also what depends on weights, with weights of its own, which are the same bytes
 * until others are bound. Returns a function from a value's name to the name of its second copy.
 */
function appendSecondHead(
  subgraph: Subgraph,
  residual: string,
  apart: boolean,
): (value: string) => string {
  const names = new Map([[residual, OTHER]]);
  for (const [name, tensor] of [...subgraph.initializers]) {
    if (!apart || elementCount(tensor.dims) <= SMALL) continue;
    const other = OF_OTHER + name;
    names.set(name, other);
    subgraph.initializers.set(other, { ...tensor, name: other });
  }
  for (const node of [...subgraph.nodes]) {
    if (![...names.keys()].some((value) => node.inputs.includes(value))) continue;
    for (const value of node.outputs) if (value !== '') names.set(value, OF_OTHER + value);
    subgraph.nodes.push(renameNode(copyNode(node), names));
  }
  return (value) => names.get(value) ?? value;
}

/** Appends another head under names of its own; returns its logits. */
function appendOther(
  subgraph: Subgraph,
  { head, residual }: NonNullable<SecondHead['other']>,
): string {
  const own: Subgraph = {
    nodes: head.nodes.map(copyNode),
    inputs: [...head.inputs],
    outputs: [...head.outputs],
    initializers: new Map(head.initializers),
  };
  dropLastPosition(own, residual);
  const names = new Map([[residual, OTHER]]);
  for (const name of own.initializers.keys()) names.set(name, OF_OTHER + name);
  for (const { outputs } of own.nodes)
    for (const value of outputs) if (value !== '') names.set(value, OF_OTHER + value);
  for (const [name, tensor] of own.initializers) {
    const renamed = names.get(name) as string;
    subgraph.initializers.set(renamed, { ...tensor, name: renamed });
  }
  for (const node of own.nodes) subgraph.nodes.push(renameNode(node, names));
  for (const input of own.inputs)
    if (input !== residual && !subgraph.inputs.includes(input)) subgraph.inputs.push(input);
  const logits = own.outputs[0] as string;
  return names.get(logits) ?? logits;
}

function addFloat(subgraph: Subgraph, name: string, value: number): string {
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, value, true);
  subgraph.initializers.set(name, {
    name,
    type: DataType.float,
    dims: [],
    data: new Uint8Array(view.buffer),
  });
  return name;
}
