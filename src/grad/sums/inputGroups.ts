// The linear products of a block by what they read: q, k and v read one value, gate and up another.

import type { BoundProgram } from '../../model/programs/program.ts';
import { programModel } from '../../model/programs/programModel.ts';
import { floatUse, matrixSlots } from '../../model/quantise/matrices.ts';
import { isStored, storedViews } from '../../model/quantise/stored.ts';
import { DataType, type Graph, type Tensor } from '../../onnx/graph.ts';
import { PASSING } from './passing.ts';

/** A stored matrix in a program. */
export interface GroupMatrix {
  /** Input of the program. */
  weight: string;
  outputs: number;
  /** The stored values row by row: (inputs, outputs), or (outputs, inputs). */
  order: 'in-out' | 'out-in';
}

/** Matrices that multiply the same values. */
export interface InputGroup {
  /** Values of the program, (.., inputs) each: several where a matrix is read more than once. */
  values: readonly string[];
  inputs: number;
  matrices: readonly GroupMatrix[];
}

/**
 * Groups in the order of the data flow: nothing that a group reads comes from a matrix of a later
 * one. @param wanted inputs of the program whose matrices are taken, float32
 */
export function inputGroups(bound: BoundProgram, wanted: ReadonlySet<string>): InputGroup[] {
  const { graph } = programModel(bound.program);
  const views = storedViews(withWeights(graph, bound, wanted));
  const origins = originsOf(graph);
  // By matrix: what it multiplies, by where that comes from.
  const reads = new Map<
    string,
    { matrix: GroupMatrix; inputs: number; values: Map<string, string> }
  >();
  for (const node of graph.nodes)
    for (const slot of matrixSlots(node)) {
      const view = views.of(node.inputs[slot] ?? '');
      if (!view || !isStored(view) || !wanted.has(view.tensor.name)) continue;
      const use = floatUse(node, slot, view, () => DataType.float);
      if ('obstacle' in use || use.kind !== 'product') continue;
      const { order, outputs, inputs } = use;
      const matrix = { weight: view.tensor.name, outputs, order };
      const read = reads.get(matrix.weight) ?? { matrix, inputs, values: new Map() };
      reads.set(matrix.weight, read);
      const [value = ''] = node.inputs;
      const origin = origins.get(value) ?? value;
      if (!read.values.has(origin)) read.values.set(origin, value);
    }
  const groups = new Map<string, { values: string[]; inputs: number; matrices: GroupMatrix[] }>();
  for (const { matrix, inputs, values } of reads.values()) {
    const key = [inputs, ...values.keys()].join(' ');
    const group = groups.get(key) ?? { values: [...values.values()], inputs, matrices: [] };
    groups.set(key, group);
    group.matrices.push(matrix);
  }
  return [...groups.values()];
}

/** Nodes are sorted: a value comes after what it is made of. */
function originsOf(graph: Graph): Map<string, string> {
  const origins = new Map<string, string>();
  for (const { op, domain, inputs, outputs } of graph.nodes) {
    const [from = ''] = inputs;
    const [to = ''] = outputs;
    if ((domain === '' || domain === 'ai.onnx') && PASSING.has(op))
      origins.set(to, origins.get(from) ?? from);
  }
  return origins;
}

/** With the weights among the constants, so that they are followed to where they are read. */
function withWeights(graph: Graph, { weights }: BoundProgram, wanted: ReadonlySet<string>): Graph {
  const initializers = new Map(graph.initializers);
  for (const name of wanted) {
    const dims = [...(weights.get(name)?.dims ?? [])];
    const data: Tensor['data'] = { file: '', offset: 0, length: 0 };
    initializers.set(name, { name, type: DataType.float, dims, data });
  }
  return { ...graph, initializers };
}
