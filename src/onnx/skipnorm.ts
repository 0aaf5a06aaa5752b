// Expands fused Skip(Simplified)LayerNormalization nodes into Add and norm, and fuses them again.

import { dependencies } from './captures.ts';
import type { Attribute, Graph, Node } from './graph.ts';
import { sortedNodes } from './sort.ts';

/** Fused operator (com.microsoft) to the norm inside it (ai.onnx, where ONNX Runtime has both). */
const NORM_OF: ReadonlyMap<string, string> = new Map([
  ['SkipSimplifiedLayerNormalization', 'SimplifiedLayerNormalization'],
  ['SkipLayerNormalization', 'LayerNormalization'],
]);

/**
 * The graph with every fused skip norm as Add (and an Add of the bias) and norm, tagged for
 * `fuseSkipNorms`. The sum keeps the name of output 3, or gets one ending in /espalier_sum. Nodes
 * that output mean or variance stay fused. Returns the same object when nothing is expanded.
 */
export function expandSkipNorms(graph: Graph): Graph {
  let found = false;
  const nodes = graph.nodes.flatMap((node) => {
    const parts = expand(node);
    if (!parts) return [node];
    found = true;
    return parts;
  });
  return found ? { ...graph, nodes } : graph;
}

function expand(node: Node): Node[] | null {
  const norm = NORM_OF.get(node.op);
  if (
    !norm ||
    node.domain !== 'com.microsoft' ||
    node.outputs[1] ||
    node.outputs[2] ||
    !node.outputs[0]
  )
    return null;
  const at = (k: number): string => node.inputs[k] ?? '';
  const simplified = node.op === 'SkipSimplifiedLayerNormalization';
  const [gamma, beta, bias] = simplified ? [at(2), '', at(3)] : [at(2), at(3), at(4)];
  const base = node.name || node.outputs[0];
  const sum = node.outputs[3] || `${base}/espalier_sum`;
  const plainSum = bias ? `${sum}_nb` : sum;
  const parts: Node[] = [
    tagged(node, 'add', 'Add', `${base}/espalier_add`, [at(0), at(1)], plainSum),
  ];
  if (bias) parts.push(tagged(node, 'bias', 'Add', `${base}/espalier_bias`, [plainSum, bias], sum));
  const last = tagged(
    node,
    'norm',
    norm,
    node.name,
    beta ? [sum, gamma, beta] : [sum, gamma],
    node.outputs[0],
  );
  last.attributes = new Map<string, Attribute>([
    ['axis', { name: 'axis', kind: 'int', value: -1 }],
    ['stash_type', { name: 'stash_type', kind: 'int', value: 1 }],
  ]);
  const epsilon = node.attributes.get('epsilon');
  if (epsilon) last.attributes.set('epsilon', epsilon);
  parts.push(last);
  return parts;
}

function tagged(
  from: Node,
  part: 'add' | 'bias' | 'norm',
  op: string,
  name: string,
  inputs: string[],
  output: string,
): Node {
  return {
    name,
    op,
    domain: '',
    inputs,
    outputs: [output],
    attributes: new Map(),
    tag: { part, op: from.op },
  };
}

/**
 * Inverse of `expandSkipNorms` for tagged nodes that still belong together; the rest stay plain.
 * The result is sorted and has no tags. A norm is fused with whichever Add now produces its input,
 * so that after a removal each norm keeps its own gamma.
 */
export function fuseSkipNorms(graph: Graph): Graph {
  if (!graph.nodes.some((n) => n.tag)) return graph;
  const producer = new Map<string, Node>();
  const readers = new Map<string, number>();
  for (const node of graph.nodes) {
    for (const o of node.outputs) if (o) producer.set(o, node);
    for (const x of new Set(dependencies(node))) readers.set(x, (readers.get(x) ?? 0) + 1);
  }
  const outputs = new Set(graph.outputs.map((o) => o.name));
  const absorbed = new Set<Node>();
  const fusedAt = new Map<Node, Node>();
  for (const norm of graph.nodes) {
    if (norm.tag?.part !== 'norm') continue;
    const sum = norm.inputs[0] ?? '';
    const last = producer.get(sum);
    let add = last;
    let bias = '';
    if (last?.tag?.part === 'bias' && readers.get(last.inputs[0] ?? '') === 1) {
      bias = last.inputs[1] ?? '';
      add = producer.get(last.inputs[0] ?? '');
    }
    if (!last || !add || add.tag?.part !== 'add' || absorbed.has(add) || absorbed.has(last))
      continue;
    const op = norm.tag.op;
    const inputs = [add.inputs[0] ?? '', add.inputs[1] ?? '', norm.inputs[1] ?? ''];
    if (op === 'SkipSimplifiedLayerNormalization') inputs.push(bias);
    else inputs.push(norm.inputs[2] ?? '', bias);
    while (inputs.at(-1) === '') inputs.pop();
    const keepsSum = (readers.get(sum) ?? 0) > 1 || outputs.has(sum);
    const epsilon = norm.attributes.get('epsilon');
    // The fused node takes the position of the Add, so that all readers of the sum come after it.
    fusedAt.set(last, {
      name: norm.name,
      op,
      domain: 'com.microsoft',
      inputs,
      outputs: keepsSum ? [norm.outputs[0] ?? '', '', '', sum] : [norm.outputs[0] ?? ''],
      attributes: new Map(epsilon ? [['epsilon', epsilon]] : []),
    });
    for (const node of [add, last, norm]) absorbed.add(node);
  }
  const nodes = graph.nodes.flatMap((node) => {
    const fused = fusedAt.get(node);
    if (fused) return [fused];
    return absorbed.has(node) ? [] : [untagged(node)];
  });
  const fused = { ...graph, nodes };
  return { ...fused, nodes: sortedNodes(fused) };
}

function untagged(node: Node): Node {
  if (!node.tag) return node;
  const { tag: _, ...plain } = node;
  return plain;
}
