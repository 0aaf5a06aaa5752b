// The programs of a refit: what least squares need of a run of a block, the block with another
// matrix, and the distance of two states.

import type {
  BoundProgram,
  OutputTarget,
  Program,
  ProgramInput,
  ProgramOutput,
  WeightRef,
} from '../../model/programs/program.ts';
import { dependencies } from '../../onnx/captures.ts';
import { DataType, type Model, type Tensor, type ValueInfo } from '../../onnx/graph.ts';
import { countOperators, operatorName } from '../../onnx/operators.ts';
import { trimGraph } from '../../onnx/trim.ts';
import { type AttributeValue, attributesOf } from '../build/attributes.ts';
import { constantBytes } from '../build/literals.ts';
import { encodeInline } from '../build/model.ts';
import { programModel } from '../shapes/programModel.ts';
import type { RefitProduct } from './product.ts';

/** Columns from..to of the lower triangle of h'h, rows from `from` on: one output of a program. */
interface Stripe {
  from: number;
  to: number;
  output: string;
}

/** A program that gives the sums of one run; h = factors * the product's input, r = t - x. */
export interface SumsProgram {
  bound: BoundProgram;
  /** h'h in stripes. */
  gram: readonly Stripe[];
  /** r'h, (outputs, inputs). */
  cross: string;
  /** The sum of r^2 for each column, (outputs). */
  squares: string;
}

const TARGET: OutputTarget = { kind: 'sum' };
/** More columns in one stripe would waste what lies above the diagonal. */
const STRIPE_COLUMNS = 1024;

/** Appends nodes to the graph of a program, which stays valid for runs of any shape. */
class Extension {
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
    let name = `refit/${hint}`;
    for (let k = 1; this.names.has(name); k++) name = `refit/${hint}_${k}`;
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

  sumOfRows(value: string): string {
    // Since operator set 13 the axes are an input.
    return this.opset < 13
      ? this.op('ReduceSum', [value], { axes: [0], keepdims: 0 })
      : this.op('ReduceSum', [value, this.ints([0])], { keepdims: 0 });
  }

  /** What the outputs need of it, as a program. */
  program(id: string, outputs: readonly ProgramOutput[]): Program {
    const { graph } = this.model;
    graph.outputs = outputs.map(({ name }) => ({ name, type: DataType.float, dims: null }));
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
function bindAlike(
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

/**
 * (state before the block, state wanted after it) -> sums over the tokens of the run. Wanted is the
 * original's state, whose first columns are the residual stream.
 */
export function sumsProgram(bound: BoundProgram, product: RefitProduct): SumsProgram {
  const { input, inputs, factors, factor } = product;
  const e = new Extension(bound.program);
  let h = e.rows(input, inputs);
  for (const { value, inverse } of factors) h = e.op(inverse ? 'Div' : 'Mul', [h, value]);
  if (factor !== 1) h = e.op('Mul', [h, e.constant(DataType.float, [], [factor])]);
  const missing = missingRows(e, product);
  const gram = stripesOf(inputs).map(({ from, to }): Stripe => {
    const whole = from === 0 && to === inputs;
    const left = from === 0 ? h : e.columns(h, from, inputs);
    const right = whole ? h : e.columns(h, from, to);
    return { from, to, output: e.op('Gemm', [left, right], { transA: 1 }) };
  });
  const cross = e.op('Gemm', [missing, h], { transA: 1 });
  const squares = e.sumOfRows(e.op('Mul', [missing, missing]));
  const names = [...gram.map(({ output }) => output), cross, squares];
  const program = e.program(
    `${bound.program.id}-sums`,
    names.map((name) => ({ name, type: 'float32', target: TARGET })),
  );
  return { bound: bindAlike(program, bound), gram, cross, squares };
}

/** The block, which also gives the sum of r^2 for each column, as `sumsProgram` does. */
export function measuredProgram(
  bound: BoundProgram,
  product: RefitProduct,
): { bound: BoundProgram; squares: string } {
  const e = new Extension(bound.program);
  const missing = missingRows(e, product);
  const squares = e.sumOfRows(e.op('Mul', [missing, missing]));
  const sum: ProgramOutput = { name: squares, type: 'float32', target: TARGET };
  const program = e.program(`${bound.program.id}-measured`, [...bound.program.outputs, sum]);
  return { bound: bindAlike(program, bound), squares };
}

/** r = t - x, (tokens, width): what the residual stream after the block lacks. */
function missingRows(e: Extension, { residual, outputs }: RefitProduct): string {
  const wanted = e.input('wanted', { kind: 'other-residual' }, ['batch', 'sequence', null]);
  const bounds = [e.ints([0]), e.ints([outputs]), e.ints([-1])];
  const first = e.op('Slice', [wanted, ...bounds]);
  return e.op('Sub', [e.rows(first, outputs), e.rows(residual, outputs)]);
}

/** Even stripes of at most `STRIPE_COLUMNS` columns. */
export function stripesOf(inputs: number): { from: number; to: number }[] {
  const count = Math.ceil(inputs / STRIPE_COLUMNS);
  const edge = (k: number): number => Math.round((k * inputs) / count);
  return Array.from({ length: count }, (_, k) => ({ from: edge(k), to: edge(k + 1) }));
}

/** The block with another matrix in its product; float32, in the order of `readsByOutput`. */
export function withMatrix(
  bound: BoundProgram,
  product: RefitProduct,
  values: Uint8Array<ArrayBuffer>,
): BoundProgram {
  const { node, matrix, inputs, outputs } = product;
  const stored = bound.weights.get(matrix.weight)!;
  const ref = { ...stored, type: 'float32', byteLength: values.length, data: values } as const;
  // A matrix that is read as it is stored stays where it is, and the program the same.
  if (matrix.floats !== 'computed' && node.op !== 'MatMulNBits' && matrix.value === matrix.weight)
    return { ...bound, weights: new Map([...bound.weights, [matrix.weight, ref]]) };
  const e = new Extension(bound.program);
  const dims = readsByOutput(product) ? [outputs, inputs] : [inputs, outputs];
  const operand = e.input('matrix', { kind: 'weight' }, dims);
  const { nodes } = e.model.graph;
  const at = nodes.findIndex((other) => other.outputs[0] === node.outputs[0]);
  const own = nodes[at]!;
  if (operatorName(node) === 'com.microsoft.MatMulNBits') {
    const [h = '', , , , , bias = ''] = own.inputs;
    const [output = ''] = own.outputs;
    const product = bias === '' ? output : e.fresh('product');
    const make = (op: string, read: string[], out: string) => {
      return { name: out, op, domain: '', inputs: read, outputs: [out], attributes: new Map() };
    };
    const replacement = [make('MatMul', [h, operand], product)];
    if (bias !== '') replacement.push(make('Add', [product, bias], output));
    nodes.splice(at, 1, ...replacement);
  } else nodes[at] = { ...own, inputs: own.inputs.with(1, operand) };
  const program = e.program(`${bound.program.id}-refitted`, bound.program.outputs);
  return bindAlike(program, bound, new Map([[operand, { ...ref, dims }]]));
}

/** Whether `withMatrix` takes the values as (outputs, inputs), or as (inputs, outputs). */
export function readsByOutput({ node, matrix }: RefitProduct): boolean {
  return node.op !== 'MatMulNBits' && matrix.byOutput;
}

/** The matrix of a product that the graph computes from what is stored, as an output. */
export function matrixProgram(bound: BoundProgram, { matrix }: RefitProduct): BoundProgram {
  const e = new Extension(bound.program);
  const name = e.op('Identity', [matrix.value]);
  const outputs: ProgramOutput[] = [{ name, type: 'float32', target: TARGET }];
  return bindAlike(e.program(`${bound.program.id}-matrix`, outputs), bound);
}
