// What operators are called, and how often a graph has each.

import { subgraphs } from './captures.ts';
import type { Graph, Node } from './graph.ts';
import { shortName } from './limits.ts';

/** What an operator is called in messages and tables: `MatMul`, `com.microsoft.MatMulNBits`. */
export function operatorName({ domain, op }: Pick<Node, 'domain' | 'op'>): string {
  return domain === '' || domain === 'ai.onnx' ? op : `${domain}.${op}`;
}

/** `MatMul (n12)`, for messages. */
export function nodeInWords(node: Node): string {
  return `${operatorName(node)} (${shortName(node.name || (node.outputs[0] ?? ''))})`;
}

/** How often each operator occurs, branches and loop bodies included, by `operatorName`. */
export function countOperators(graph: Pick<Graph, 'nodes'>): Record<string, number> {
  const counts: Record<string, number> = {};
  const visit = (nodes: readonly Node[]): void => {
    for (const node of nodes) {
      const key = operatorName(node);
      counts[key] = (counts[key] ?? 0) + 1;
      for (const inner of subgraphs(node)) visit(inner.nodes);
    }
  };
  visit(graph.nodes);
  return counts;
}
