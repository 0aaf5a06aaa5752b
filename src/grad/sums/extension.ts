// Appends nodes to a program: what is wanted of a run besides, or in place of, what it gives.

import type {
  BoundProgram,
  Program,
  ProgramInput,
  ProgramOutput,
  WeightRef,
} from '../../model/programs/program.ts';
import { encodeInline, programModel } from '../../model/programs/programModel.ts';
import { dependencies } from '../../onnx/captures.ts';
import { DataType, type Model, type Tensor, type ValueInfo } from '../../onnx/graph.ts';
import { countOperators } from '../../onnx/operators.ts';
import { trimGraph } from '../../onnx/trim.ts';
import { type AttributeValue, attributesOf } from '../build/attributes.ts';
import { constantBytes } from '../build/literals.ts';

/** Appends nodes to the graph of a program, which stays valid for runs of any shape. */
export class Extension {
  readonly model: Model;
  readonly inputs: ProgramInput[];
  readonly infos: ValueInfo[];
  private readonly names: Set<string>;
  private readonly opset: number;

  constructor(program: Program) {
    this.model = programModel(program);
    const { graph, opsets } = this.model;
    this.inputs = [...program.inputs];
    this.infos = [...graph.inputs];
    this.opset = opsets.get('') ?? opsets.get('ai.onnx') ?? 1;
    this.names = new Set([
      ...graph.inputs.map(({ name }) => name),
      ...graph.initializers.keys(),
      ...graph.nodes.flatMap(({ outputs }) => outputs),
    ]);
  }

  fresh(hint: string): string {
    let name = `added/${hint}`;
    for (let k = 1; this.names.has(name); k++) name = `added/${hint}_${k}`;
    this.names.add(name);
    return name;
  }

  op(
    op: string,
    inputs: string[],
    attributes: Readonly<Record<string, AttributeValue>> = {},
  ): string {
    const output = this.fresh(op);
    const node = { name: output, op, domain: '', inputs, outputs: [output] };
    this.model.graph.nodes.push({ ...node, attributes: attributesOf(attributes) });
    return output;
  }

  ints(values: readonly number[]): string {
    return this.constant(DataType.int64, [values.length], values);
  }

  constant(type: DataType, dims: number[], values: readonly number[]): string {
    const name = this.fresh('constant');
    const tensor: Tensor = { name, type, dims, data: constantBytes(type, values) };
    this.model.graph.initializers.set(name, tensor);
    return name;
  }

  input(hint: string, source: ProgramInput['source'], dims: ValueInfo['dims']): string {
    const name = this.fresh(hint);
    this.inputs.push({ name, type: 'float32', source });
    this.infos.push({ name, type: DataType.float, dims });
    return name;
  }

  /** (.., width) as (tokens, width). */
  rows(value: string, width: number): string {
    return this.op('Reshape', [value, this.ints([-1, width])]);
  }

  columns(value: string, from: number, to: number): string {
    return this.op('Slice', [value, this.ints([from]), this.ints([to]), this.ints([1])]);
  }

  /** (tokens, width) with the last column first. */
  reversedColumns(value: string): string {
    // From the last one to before the first: the smallest end is cut off there.
    const bounds = [this.ints([-1]), this.ints([-(2 ** 31)]), this.ints([1]), this.ints([-1])];
    return this.op('Slice', [value, ...bounds]);
  }

  sumOfRows(value: string): string {
    return this.sumOver(value, 0);
  }

  sumOver(value: string, axis: number): string {
    // Since operator set 13 the axes are an input.
    return this.opset < 13
      ? this.op('ReduceSum', [value], { axes: [axis], keepdims: 0 })
      : this.op('ReduceSum', [value, this.ints([axis])], { keepdims: 0 });
  }

  /** What the outputs need of it, as a program. */
  program(id: string, outputs: readonly ProgramOutput[]): Program {
    const { graph } = this.model;
    graph.outputs = outputs.map(({ name, type }) => {
      const half = type === 'float16';
      return { name, type: half ? DataType.float16 : DataType.float, dims: null };
    });
    const trimmed = trimGraph({ ...graph, inputs: this.infos });
    const read = new Set(trimmed.nodes.flatMap(dependencies));
    trimmed.inputs = trimmed.inputs.filter(({ name }) => read.has(name));
    return {
      id,
      bytes: encodeInline({ ...this.model, graph: trimmed }),
      inputs: this.inputs.filter(({ name }) => read.has(name)),
      outputs,
      ops: countOperators(trimmed),
    };
  }
}

/** A program at the place of another: it reads the same weights and side values. */
export function bindAlike(
  program: Program,
  bound: BoundProgram,
  more: ReadonlyMap<string, WeightRef> = new Map(),
): BoundProgram {
  const read = new Set(program.inputs.map(({ name }) => name));
  const kept = <T>(map: ReadonlyMap<string, T>): Map<string, T> =>
    new Map([...map].filter(([name]) => read.has(name)));
  return {
    program,
    weights: new Map([...kept(bound.weights), ...more]),
    sides: kept(bound.sides),
  };
}
