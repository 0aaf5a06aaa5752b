// Checks that a graph read from a file is in static single assignment form: every value has one
// producer, and every value that is read has one. The order of the nodes does not matter here.

import { EspalierError } from '../errors.ts';
import { dependencies, subgraphs } from './captures.ts';
import type { Graph, Node } from './graph.ts';
import { shortName } from './limits.ts';

/**
 * @throws EspalierError `corrupt-file`, naming the value and the node, when a value has two
 *   producers, or when a node or output reads a value that is no node output, initializer or graph
 *   input. Subgraphs of nodes and the outer values they read are checked too.
 */
export function requireSsa(graph: Graph): void {
  const known = new Set<string>();
  requireSingle(graph, known);
  for (const node of graph.nodes) {
    const undefinedInput = dependencies(node).find((x) => !known.has(x));
    if (undefinedInput !== undefined)
      throw damaged(
        `${label(node)} reads ${shortName(undefinedInput)}, which nothing in the graph produces.`,
      );
  }
  const outputs = new Set<string>();
  for (const { name } of graph.outputs) {
    if (outputs.has(name)) throw damaged(`Two outputs are called ${shortName(name)}.`);
    outputs.add(name);
  }
  const undefinedOutput = graph.outputs.find((o) => !known.has(o.name));
  if (undefinedOutput)
    throw damaged(
      `The graph output ${shortName(undefinedOutput.name)} is produced by nothing in the graph.`,
    );
}

/** Adds the values of one scope to `known`; each subgraph of a node is a scope of its own. */
function requireSingle(graph: Graph, known: Set<string>): void {
  for (const name of graph.initializers.keys()) known.add(name);
  const inputs = new Set<string>();
  for (const { name } of graph.inputs) {
    if (inputs.has(name)) throw damaged(`Two inputs are called ${shortName(name)}.`);
    inputs.add(name);
    // An input of an initializer's name declares its default value.
    known.add(name);
  }
  for (const node of graph.nodes) {
    for (const o of node.outputs) {
      if (o === '') continue;
      if (known.has(o))
        throw damaged(
          `The value ${shortName(o)} is produced twice, the second time by ${label(node)}.`,
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
