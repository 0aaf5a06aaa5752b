// Subgraphs that only choose between constants and move elements, such as the tables of a long and
// a short rotary embedding, become float16 as a whole. All others stay as they are.

import { subgraphs } from '../../onnx/captures.ts';
import { type Attribute, DataType, type Graph, type Node, type Tensor } from '../../onnx/graph.ts';
import { renameNode } from '../../onnx/rename.ts';
import { MOVERS } from './operators.ts';

/** True when no subgraph of the node computes with floats. */
export function isSelection(node: Node): boolean {
  return subgraphs(node).every((graph) =>
    graph.nodes.every(
      (inner) => (inner.op === 'Constant' || MOVERS.has(inner.op)) && subgraphs(inner).length === 0,
    ),
  );
}

/**
 * The node with subgraphs in float16.
 * @param convert a float32 tensor as float16
 * @param names captured float32 values and their names in float16
 */
export function halfBranches(
  node: Node,
  convert: (tensor: Tensor, label: string) => Tensor,
  names: ReadonlyMap<string, string>,
): Node {
  const tensor = (value: Tensor, label: string): Tensor =>
    value.type === DataType.float ? convert(value, label) : value;
  const branch = (graph: Graph): Graph => ({
    ...graph,
    initializers: new Map(
      [...graph.initializers].map(([name, value]) => [name, tensor(value, name)]),
    ),
    nodes: graph.nodes.map((inner) => ({
      ...inner,
      attributes: new Map(
        [...inner.attributes].map(([key, attribute]) => [
          key,
          attribute.kind === 'tensor'
            ? { ...attribute, value: tensor(attribute.value, inner.outputs[0] ?? '') }
            : attribute,
        ]),
      ),
    })),
    outputs: graph.outputs.map(halfInfo),
    valueInfo: new Map([...graph.valueInfo].map(([name, info]) => [name, halfInfo(info)])),
  });
  const attributes = new Map<string, Attribute>();
  for (const [key, attribute] of node.attributes) {
    if (attribute.kind === 'graph')
      attributes.set(key, { ...attribute, value: branch(attribute.value) });
    else if (attribute.kind === 'graphs')
      attributes.set(key, { ...attribute, value: attribute.value.map(branch) });
    else attributes.set(key, attribute);
  }
  return renameNode({ ...node, attributes }, names);
}

function halfInfo<T extends { type: number }>(info: T): T {
  return info.type === DataType.float ? { ...info, type: DataType.float16 } : info;
}
