// The programs of a refit: what least squares need of a run of a block, the block with another
// matrix, and the distance of two states.

import type { BoundProgram, ProgramOutput } from '../../model/programs/program.ts';
import { DataType } from '../../onnx/graph.ts';
import { operatorName } from '../../onnx/operators.ts';
import { bindAlike, Extension } from '../sums/extension.ts';
import { gramOf, type Stripe, SUM } from '../sums/gram.ts';
import type { RefitProduct } from './product.ts';

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
  const gram = gramOf(e, h, inputs);
  const cross = e.op('Gemm', [missing, h], { transA: 1 });
  const squares = e.sumOfRows(e.op('Mul', [missing, missing]));
  const names = [...gram.map(({ output }) => output), cross, squares];
  const program = e.program(
    `${bound.program.id}-sums`,
    names.map((name) => ({ name, type: 'float32', target: SUM })),
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
  const sum: ProgramOutput = { name: squares, type: 'float32', target: SUM };
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
  const outputs: ProgramOutput[] = [{ name, type: 'float32', target: SUM }];
  return bindAlike(e.program(`${bound.program.id}-matrix`, outputs), bound);
}
