// A program whose graph was changed: decoded, changed, and written again.

import type { Graph, Node } from '../../../onnx/graph.ts';
import { countOperators } from '../../../onnx/operators.ts';
import type { Program } from '../program.ts';
import { encodeInline, programModel } from '../programModel.ts';
import type { Gatherer } from './gathers.ts';

/** The graph of a program, which may be changed. */
export function graphOf(program: Program): { graph: Graph; opset: number } {
  const { graph, opsets } = programModel(program);
  return { graph, opset: opsets.get('') ?? 18 };
}

/** A program with these nodes in place of its own, and with the inputs of the gathers. */
export function withNodes(
  program: Program,
  form: 'packed' | 'picking',
  graph: Graph,
  gatherer: Gatherer,
  nodes: Node[],
): Program {
  const id = `${program.id}-${form}`;
  const added = gatherer.inputs();
  const inputs = [...graph.inputs, ...added.map(({ info }) => info)];
  const model = programModel(program);
  const changed = { ...graph, name: id, nodes, inputs };
  return {
    id,
    bytes: encodeInline({ ...model, graph: changed }),
    inputs: [...program.inputs, ...added.map((input) => input.program)],
    outputs: program.outputs.map((output, k) => ({
      ...output,
      name: graph.outputs[k]?.name ?? output.name,
    })),
    ops: countOperators(changed),
  };
}
