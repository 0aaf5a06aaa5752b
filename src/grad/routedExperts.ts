// Experts as exporters write them out of PyTorch, with the rows of each expert picked by NonZero:
// how many there are depends on the tokens. Here every expert takes every token, those that did not
// choose it with weight zero, so that all sizes are known: the same numbers and gradients.

import type { Model, Node } from '../onnx/graph.ts';
import { DataType, intAttribute, type Tensor } from '../onnx/graph.ts';
import { type AttributeValue, attributesOf, intsAttribute } from './build/attributes.ts';
import { constantBytes } from './build/literals.ts';

/**
 * Replaces NonZero(M), M (k, T) with a 1 where a token's k-th choice is the expert, by one row for
 * every token (its choice, its number), and multiplies what is scattered back by whether the token
 * chose the expert. TopK names an expert once for each token, so that choice is one number. A
 * NonZero in any other place stays.
 */
export function chooseAllTokens(model: Model): void {
  const { graph } = model;
  const producer = new Map<string, Node>();
  for (const node of graph.nodes) for (const y of node.outputs) if (y) producer.set(y, node);
  const chosen = new Map<Node, string>();
  for (const node of graph.nodes) {
    const mask = node.op === 'NonZero' ? choiceMask(node, producer) : null;
    if (mask !== null) chosen.set(node, mask);
  }
  if (chosen.size === 0) return;
  const scatters = new Map<Node, Node[]>();
  for (const node of graph.nodes) {
    const from = node.op === 'ScatterElements' ? pickedBy(node, producer) : null;
    if (from && chosen.has(from)) scatters.set(from, [...(scatters.get(from) ?? []), node]);
  }
  const before = new Map<Node, Node[]>();
  for (const [node, mask] of chosen) {
    const targets = scatters.get(node);
    if (!targets) continue;
    const at = new Appender(`${node.outputs[0]}/all_tokens`, graph.initializers);
    const wanted = at.put('Cast', [mask], { to: DataType.float });
    const choice = at.put('ArgMax', [wanted], { axis: 0, keepdims: 1 });
    const size = at.put('Shape', [mask]);
    const tokens = at.put('Gather', [size, at.scalar(1)], { axis: 0 });
    const range = at.put('Range', [at.scalar(0), tokens, at.scalar(1)]);
    const row = at.put('Unsqueeze', [range, at.list([0])]);
    at.put('Concat', [choice, row], { axis: 0 }, node.outputs[0] ?? '');
    const any = at.put('ReduceSum', [wanted, at.list([0])], { keepdims: 0 });
    const column = at.put('Unsqueeze', [any, at.list([1])]);
    before.set(node, at.nodes);
    for (const target of targets) {
      const [data = '', indices = '', updates = ''] = target.inputs;
      const name = `${target.outputs[0]}/chosen`;
      const product = nodeOf('Mul', [updates, column], name);
      before.set(target, [product, { ...target, inputs: [data, indices, name] }]);
    }
  }
  graph.nodes = graph.nodes.flatMap((node) => before.get(node) ?? [node]);
}

/** The 0/1 values (k, T) that NonZero looks at, where they are one expert's choices; else null. */
function choiceMask(node: Node, producer: ReadonlyMap<string, Node>): string | null {
  let from = producer.get(node.inputs[0] ?? '');
  while (from?.op === 'Cast') from = producer.get(from.inputs[0] ?? '');
  if (from?.op !== 'Gather' || (intAttribute(from, 'axis') ?? 0) !== 0) return null;
  const transposed = producer.get(from.inputs[0] ?? '');
  const perm = transposed?.op === 'Transpose' ? intsAttribute(transposed, 'perm') : undefined;
  const oneHot = producer.get(transposed?.inputs[0] ?? '');
  if (perm?.join() !== '2,1,0' || oneHot?.op !== 'OneHot') return null;
  if ((intAttribute(oneHot, 'axis') ?? -1) !== -1) return null;
  const top = producer.get(oneHot.inputs[0] ?? '');
  const isChoice = top?.op === 'TopK' && top.outputs[1] === oneHot.inputs[0];
  return isChoice ? (from.outputs[0] ?? null) : null;
}

const SAME_ROWS: ReadonlySet<string> = new Set([
  'Expand',
  'Squeeze',
  'Unsqueeze',
  'Split',
  'Transpose',
  'Identity',
]);

/** The NonZero that picked the rows which a ScatterElements along axis 0 puts among zeros. */
function pickedBy(scatter: Node, producer: ReadonlyMap<string, Node>): Node | null {
  const [data = '', indices = ''] = scatter.inputs;
  if ((intAttribute(scatter, 'axis') ?? 0) !== 0 || producer.get(data)?.op !== 'ConstantOfShape')
    return null;
  let from = producer.get(indices);
  while (from && SAME_ROWS.has(from.op)) from = producer.get(from.inputs[0] ?? '');
  return from?.op === 'NonZero' ? from : null;
}

function nodeOf(
  op: string,
  inputs: string[],
  output: string,
  attributes: Readonly<Record<string, AttributeValue>> = {},
): Node {
  return {
    name: output,
    op,
    domain: '',
    inputs,
    outputs: [output],
    attributes: attributesOf(attributes),
  };
}

/** Nodes under one prefix, before any shape is known. */
class Appender {
  readonly nodes: Node[] = [];
  private readonly prefix: string;
  private readonly initializers: Map<string, Tensor>;

  constructor(prefix: string, initializers: Map<string, Tensor>) {
    this.prefix = prefix;
    this.initializers = initializers;
  }

  put(
    op: string,
    inputs: string[],
    attributes: Readonly<Record<string, AttributeValue>> = {},
    output = `${this.prefix}/${this.nodes.length}`,
  ): string {
    this.nodes.push(nodeOf(op, inputs, output, attributes));
    return output;
  }

  scalar(value: number): string {
    return this.constant([value], []);
  }

  list(values: readonly number[]): string {
    return this.constant(values, [values.length]);
  }

  private constant(values: readonly number[], dims: readonly number[]): string {
    const name = `${this.prefix}/c${this.initializers.size}`;
    const type = DataType.int64;
    this.initializers.set(name, { name, type, dims, data: constantBytes(type, values) });
    return name;
  }
}
