// Takes everything out of a graph that is known before it runs.

import { dependencies, usedNodes } from '../../onnx/captures.ts';
import type { Model, Tensor } from '../../onnx/graph.ts';
import { DataType } from '../../onnx/graph.ts';
import { sortedNodes } from '../../onnx/sort.ts';
import { constantBytes } from '../build/literals.ts';
import type { Value } from './value.ts';

const WRITABLE: ReadonlySet<DataType> = new Set([
  DataType.float,
  DataType.double,
  DataType.int64,
  DataType.int32,
  DataType.bool,
  DataType.uint8,
]);

/**
 * The graph with every known content as a constant: nodes whose outputs are all known are gone, so
 * are nodes that no output needs, and inputs that nothing reads or whose content is known. Nodes
 * that give outputs of the graph stay.
 * @param values of the graph, from `evaluateShapes`.
 */
export function fold(model: Model, values: ReadonlyMap<string, Value>): Model {
  const { graph } = model;
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const known = (name: string): boolean => {
    const value = values.get(name);
    return value !== undefined && value.data !== null && WRITABLE.has(value.type);
  };
  const computed = sortedNodes(graph).filter((node) =>
    node.outputs.some((name) => name !== '' && (!known(name) || outputs.has(name))),
  );
  const nodes = usedNodes(computed, outputs);
  const made = new Set(nodes.flatMap((node) => node.outputs));
  const read = new Set([...outputs, ...nodes.flatMap(dependencies)]);
  const initializers = new Map<string, Tensor>();
  for (const name of read) {
    const tensor = graph.initializers.get(name);
    if (tensor) initializers.set(name, tensor);
    else if (!made.has(name) && known(name))
      initializers.set(name, constantOf(name, values.get(name) as Value));
  }
  const inputs = graph.inputs.filter(({ name }) => read.has(name) && !initializers.has(name));
  return { ...model, graph: { ...graph, nodes, initializers, inputs, valueInfo: new Map() } };
}

function constantOf(name: string, { type, dims, data }: Value): Tensor {
  return { name, type, dims, data: constantBytes(type, data ?? []) };
}
