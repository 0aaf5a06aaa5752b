// A head that runs twice, on the last hidden states of the original and of a plan, and compares the
// two predictions on the device, so that no (B, S, V) tensor is read back.

import { DataType } from '../../onnx/graph.ts';
import { renameNode } from '../../onnx/rename.ts';
import { Appender, appendTokenNll, dropLastPosition, TARGETS } from './nll.ts';
import { copyNode, type Subgraph } from './subgraph.ts';

/** Name of the second residual stream, the plan's. */
export const OTHER = 'espalier/other/residual';

/** The outputs of the program in order, each (B, S - 1) float32. */
export const COMPARED = ['nll', 'nll-other', 'kl', 'top'] as const;

/**
 * Lower bound of logits minus their maximum. Below it exp() is 0 in float32 anyway; it keeps
 * -inf - -inf = NaN out of the KL divergence.
 */
const FLOOR = -1e4;

/**
 * Turns a head, residual (B, S, C) -> logits (B, S, V), into
 * (residual, other residual, targets (B, S - 1)) -> four values per position: both NLLs,
 * KL(original || plan) = sum p (log p - log q) in nats, and max over V of the sum of both logits
 * minus their maxima, which is 0 exactly where the two share a most likely token.
 * @param residual the value of the residual stream that the head reads.
 * @returns a new subgraph; `head` stays as it was.
 */
export function comparisonHead(head: Subgraph, residual: string, opset: number): Subgraph {
  const subgraph: Subgraph = {
    nodes: head.nodes.map(copyNode),
    inputs: [...head.inputs],
    outputs: [...head.outputs],
    initializers: new Map(head.initializers),
  };
  dropLastPosition(subgraph, residual);
  const logits = subgraph.outputs[0] as string;
  const twin = appendSecondHead(subgraph, residual);
  const p = appendTokenNll(new Appender(subgraph, opset, 'espalier/nll'), logits);
  const q = appendTokenNll(new Appender(subgraph, opset, 'espalier/other/nll'), twin(logits));
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
 * weights. Returns a function from a value's name to the name of its second copy.
 */
function appendSecondHead(subgraph: Subgraph, residual: string): (value: string) => string {
  const names = new Map([[residual, OTHER]]);
  for (const node of [...subgraph.nodes]) {
    if (![...names.keys()].some((value) => node.inputs.includes(value))) continue;
    for (const value of node.outputs) if (value !== '') names.set(value, `espalier/other/${value}`);
    subgraph.nodes.push(renameNode(copyNode(node), names));
  }
  return (value) => names.get(value) ?? value;
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
