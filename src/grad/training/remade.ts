// A program after its graph was changed.

import type { InputSource, Program, ProgramInput } from '../../model/programs/program.ts';
import { encodeInline } from '../../model/programs/programModel.ts';
import { dependencies } from '../../onnx/captures.ts';
import { DataType, type Model, type ValueInfo } from '../../onnx/graph.ts';
import { countOperators } from '../../onnx/operators.ts';
import { trimGraph } from '../../onnx/trim.ts';

/** An input of floats. */
export function inputOf(name: string, source: InputSource): ProgramInput {
  return { name, type: 'float32', source };
}

/**
 * The program with a changed graph and further inputs of floats; nodes and inputs that no output
 * depends on any more are dropped.
 */
export function remade(
  program: Program,
  model: Model,
  added: readonly ProgramInput[],
  id: string,
): Program {
  const { graph } = model;
  const kept = new Set(graph.outputs.map(({ name }) => name));
  graph.inputs.push(...added.map(declared));
  const trimmed = trimGraph(graph);
  const read = new Set(trimmed.nodes.flatMap(dependencies));
  trimmed.inputs = trimmed.inputs.filter(({ name }) => read.has(name));
  return {
    id,
    bytes: encodeInline({ ...model, graph: trimmed }),
    inputs: [...program.inputs, ...added].filter(({ name }) => read.has(name)),
    outputs: program.outputs.filter(({ name }) => kept.has(name)),
    ops: countOperators(trimmed),
  };
}

function declared({ name, source }: ProgramInput): ValueInfo {
  const type = DataType.float;
  if (source.kind === 'parameter') return { name, type, dims: source.dims };
  const width = source.kind === 'dropout-mask' ? source.width : null;
  return { name, type, dims: ['batch', 'sequence', width] };
}
