// Holds a graph to one producer for every value and a value for every read; must not ask for an
// order and must not repair anything.

import { EspalierError } from '../errors.ts';
import { dependencies, subgraphs } from './captures.ts';
import type { Graph, Node } from './graph.ts';
import { shortName } from './limits.ts';

/**
 * @throws EspalierError `corrupt-file` naming the value and the node, when a value is made twice,
 *   or when something reads a value that
 *   neither a node, a weight nor an input gives. Subgraphs and what they take from around them
 *   included.
 */
export function requireSsa(graph: Graph): void {
  const known = new Set<string>();
  requireSingle(graph, known);
  for (const node of graph.nodes) {
    const lost = dependencies(node).find((x) => !known.has(x));
    if (lost !== undefined)
      throw damaged(`${label(node)} reads ${shortName(lost)}, which nothing in the graph makes.`);
  }
  const given = new Set<string>();
  for (const { name } of graph.outputs) {
    if (given.has(name)) throw damaged(`Two outputs are called ${shortName(name)}.`);
    given.add(name);
  }
  const lost = graph.outputs.find((o) => !known.has(o.name));
  if (lost)
    throw damaged(`The graph gives out ${shortName(lost.name)}, which nothing in it makes.`);
}

/** Collects the values of one scope; those of its subgraphs are scopes of their own. */
function requireSingle(graph: Graph, known: Set<string>): void {
  for (const name of graph.initializers.keys()) known.add(name);
  const inputs = new Set<string>();
  for (const { name } of graph.inputs) {
    if (inputs.has(name)) throw damaged(`Two inputs are called ${shortName(name)}.`);
    inputs.add(name);
    // An input that is an initializer too only declares it.
    known.add(name);
  }
  for (const node of graph.nodes) {
    for (const o of node.outputs) {
      if (o === '') continue;
      if (known.has(o))
        throw damaged(
          `The value ${shortName(o)} is made twice, the second time by ${label(node)}.`,
        );
      known.add(o);
    }
    for (const inner of subgraphs(node)) requireSingle(inner, new Set());
  }
}

function damaged(message: string): EspalierError {
  return new EspalierError(
    'corrupt-file',
    message,
    'The graph file is damaged or was edited: download or export it again.',
  );
}

function label(node: Node): string {
  return shortName(`${node.op} ${node.name || node.outputs[0] || ''}`.trim());
}
