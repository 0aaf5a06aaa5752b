// Structural check of a graph that is about to be written.

import { dependencies } from './captures.ts';
import type { Graph } from './graph.ts';

/**
 * The defects of a graph, one phrase each; empty when it is sound. In a sound graph every value has
 * one producer, which comes before its readers, every output exists, and nothing is unused except
 * inputs that must be fed.
 */
export function checkGraph(graph: Graph): string[] {
  const wrong: string[] = [];
  const known = new Set<string>(graph.initializers.keys());
  const inputs = new Set<string>();
  for (const v of graph.inputs) {
    if (inputs.has(v.name)) wrong.push(`two inputs are called ${v.name}`);
    inputs.add(v.name);
    known.add(v.name);
  }
  const used = new Set<string>(graph.outputs.map((o) => o.name));
  for (const node of graph.nodes) {
    const label = `${node.op} ${node.name || node.outputs[0] || ''}`.trim();
    for (const x of dependencies(node)) {
      used.add(x);
      if (!known.has(x)) wrong.push(`${label} reads ${x}, which nothing before it produces`);
    }
    for (const o of node.outputs) {
      if (!o) continue;
      if (known.has(o)) wrong.push(`${o} is produced twice, the second time by ${label}`);
      known.add(o);
    }
  }
  const outputs = new Set<string>();
  for (const o of graph.outputs) {
    if (!known.has(o.name)) wrong.push(`output ${o.name} is produced by nothing`);
    if (outputs.has(o.name)) wrong.push(`two outputs are called ${o.name}`);
    outputs.add(o.name);
  }
  for (const node of graph.nodes) {
    if (!node.outputs.some((o) => o && used.has(o)))
      wrong.push(`${node.op} ${node.name || node.outputs[0] || ''} is used by nothing`);
    if (node.tag) wrong.push(`${node.name} still belongs to an expanded ${node.tag.op}`);
  }
  for (const [name, tensor] of graph.initializers) {
    if (!used.has(name)) wrong.push(`weight ${name} is used by nothing`);
    if (tensor.name !== name) wrong.push(`weight ${name} has the tensor name ${tensor.name}`);
  }
  for (const name of graph.valueInfo.keys())
    if (!known.has(name)) wrong.push(`a type is declared for ${name}, which does not exist`);
  return wrong;
}
