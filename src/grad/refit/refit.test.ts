// The programs of a refit for every form of a product: the squared error that the sums foretell for
// a change of the matrix is what the changed program gives.

import { describe, expect, it } from 'vitest';
import type { BoundProgram, WeightRef } from '../../model/programs/program.ts';
import { encodeInline, programModel } from '../../model/programs/programModel.ts';
import { DataType, elementCount, type Node, type Tensor } from '../../onnx/graph.ts';
import { countOperators } from '../../onnx/operators.ts';
import type { Value } from '../shapes/value.ts';
import { runtimeValues } from '../testing/runtimeValues.ts';
import { graphOf, nodeOf } from '../testing/smallGraphs.ts';
import { type RefitProduct, refitProduct } from './product.ts';
import {
  matrixProgram,
  measuredProgram,
  readsByOutput,
  sumsProgram,
  withMatrix,
} from './programs.ts';

const [TOKENS, INPUTS, OUTPUTS] = [5, 3, 4];
const SIZES = { hiddenSize: OUTPUTS, stateSize: OUTPUTS };

/** Numbers of both signs that differ. */
const numbers = (count: number, seed: number): number[] =>
  Array.from({ length: count }, (_, k) => Math.sin((k + 1) * (seed + 1.7)));

const floats = (dims: number[], data: number[]): Value => ({ type: DataType.float, dims, data });

const bytesOf = (values: readonly number[]): Uint8Array<ArrayBuffer> =>
  new Uint8Array(Float32Array.from(values).buffer);

function scalar(name: string, value: number): Tensor {
  return { name, type: DataType.float, dims: [], data: bytesOf([value]) };
}

interface Case {
  nodes: Node[];
  /** Dims of the matrix W. */
  dims?: number[];
  scalars?: Tensor[];
}

/** A program from x (1, tokens, outputs) by h = tanh(x U) to `out`; W and its bias are weights. */
function programOf({ nodes, dims = [INPUTS, OUTPUTS], scalars = [] }: Case): BoundProgram {
  const all = [nodeOf('MatMul', ['x', 'U'], ['u']), nodeOf('Tanh', ['u'], ['h']), ...nodes];
  const sizes: Record<string, number[]> = { U: [OUTPUTS, INPUTS], W: dims, bias: [OUTPUTS] };
  const weights = new Map<string, WeightRef>(
    Object.entries(sizes).map(([name, of], k) => {
      const data = bytesOf(numbers(elementCount(of), k));
      return [name, { name, type: 'float32', dims: of, byteLength: data.length, data }];
    }),
  );
  const model = graphOf(all, ['x', ...weights.keys()], scalars);
  const inputs = [...weights.keys()].map((name) => {
    return { name, type: 'float32', source: { kind: 'weight' } } as const;
  });
  const program = {
    id: 'small',
    bytes: encodeInline(model),
    inputs: [{ name: 'x', type: 'float32', source: { kind: 'residual' } } as const, ...inputs],
    outputs: [{ name: 'out', type: 'float32', target: { kind: 'residual' } } as const],
    ops: countOperators(model.graph),
  };
  return { program, weights, sides: new Map() };
}

async function run(bound: BoundProgram): Promise<(output: string) => readonly number[]> {
  const values = new Map<string, Value>();
  for (const { name, source } of bound.program.inputs) {
    const ref = bound.weights.get(name);
    const state = [1, TOKENS, OUTPUTS];
    if (source.kind === 'residual') values.set(name, floats(state, numbers(20, 5)));
    else if (source.kind === 'other-residual') values.set(name, floats(state, numbers(20, 9)));
    else if (ref) {
      const data = [...new Float32Array((ref.data as Uint8Array<ArrayBuffer>).slice().buffer)];
      values.set(name, floats([...ref.dims], data));
    }
  }
  const names = bound.program.outputs.map(({ name }) => name);
  const results = await runtimeValues(programModel(bound.program), values, names);
  return (output) => results.get(output)!.data;
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

/** The matrix that a program reads, changed by D, (outputs, inputs). */
async function changed(
  bound: BoundProgram,
  product: RefitProduct,
  change: readonly number[],
): Promise<BoundProgram> {
  const read = matrixProgram(bound, product);
  const before = (await run(read))(read.program.outputs[0]!.name);
  const byOutput = readsByOutput(product);
  const after = before.map((value, at) => {
    const [row, column] = byOutput
      ? [Math.floor(at / INPUTS), at % INPUTS]
      : [at % OUTPUTS, Math.floor(at / OUTPUTS)];
    return value + change[row * INPUTS + column]!;
  });
  return withMatrix(bound, product, bytesOf(after));
}

const end = (value: string): Node => nodeOf('Add', ['x', value], ['out']);
const ms = 'com.microsoft';

const CASES: Record<string, Case> = {
  'MatMul with a bias': {
    nodes: [nodeOf('MatMul', ['h', 'W'], ['y']), nodeOf('Add', ['bias', 'y'], ['z']), end('z')],
  },
  'MatMul by a transposed matrix': {
    nodes: [nodeOf('Transpose', ['W'], ['t']), nodeOf('MatMul', ['h', 't'], ['y']), end('y')],
    dims: [OUTPUTS, INPUTS],
  },
  'Gemm with alpha and transB, on rows': {
    nodes: [
      nodeOf('Flatten', ['h'], ['rows'], { axis: 2 }),
      nodeOf('Gemm', ['rows', 'W', 'bias'], ['y'], { transB: 1, alpha: { float: 0.7 } }),
      nodeOf('Shape', ['x'], ['dims']),
      nodeOf('Reshape', ['y', 'dims'], ['z']),
      end('z'),
    ],
    dims: [OUTPUTS, INPUTS],
  },
  'FusedMatMul with transB': {
    nodes: [
      nodeOf('FusedMatMul', ['h', 'W'], ['y'], { transB: 1, alpha: { float: 1.3 } }, ms),
      end('y'),
    ],
    dims: [OUTPUTS, INPUTS],
  },
  'factors on the way': {
    nodes: [
      nodeOf('MatMul', ['h', 'W'], ['y']),
      nodeOf('Mul', ['factor', 'y'], ['z']),
      nodeOf('Div', ['z', 'divisor'], ['v']),
      nodeOf('Sub', ['x', 'v'], ['out']),
    ],
    scalars: [scalar('factor', 0.22), scalar('divisor', 0.5)],
  },
};

describe('the programs of a refit', () => {
  it.each(Object.entries(CASES))('of %s', async (_, given) => {
    const bound = programOf(given);
    const { product } = refitProduct(bound, SIZES);
    expect([product?.inputs, product?.outputs, product?.exact]).toEqual([INPUTS, OUTPUTS, true]);
    const sums = sumsProgram(bound, product!);
    const found = await run(sums.bound);
    const [gram, cross] = [found(sums.gram[0]!.output), found(sums.cross)];
    const change = numbers(OUTPUTS * INPUTS, 3);
    let foretold = sum(found(sums.squares));
    for (let c = 0; c < OUTPUTS; c++)
      for (let i = 0; i < INPUTS; i++) {
        const d = change[c * INPUTS + i]!;
        foretold -= 2 * d * cross[c * INPUTS + i]!;
        for (let j = 0; j < INPUTS; j++)
          foretold += d * change[c * INPUTS + j]! * gram[i * INPUTS + j]!;
      }
    const measured = measuredProgram(await changed(bound, product!, change), product!);
    const after = sum((await run(measured.bound))(measured.squares));
    expect(after / foretold).toBeCloseTo(1, 4);
  });

  it.each([
    [
      'a norm behind it',
      [
        nodeOf('MatMul', ['h', 'W'], ['y']),
        nodeOf('LayerNormalization', ['y', 'bias'], ['z']),
        end('z'),
      ],
      /a norm stands between/,
    ],
    [
      'a gate for each token',
      [nodeOf('MatMul', ['h', 'W'], ['y']), nodeOf('Mul', ['y', 'x'], ['z']), end('z')],
      /comes out of Mul$/,
    ],
    [
      'a matrix that two products read',
      [
        nodeOf('MatMul', ['h', 'W'], ['y']),
        nodeOf('Neg', ['h'], ['g']),
        nodeOf('MatMul', ['g', 'W'], ['z']),
        nodeOf('Add', ['y', 'z'], ['v']),
        end('v'),
      ],
      /no product of a stored matrix/,
    ],
    [
      'an output that is added twice',
      [
        nodeOf('MatMul', ['h', 'W'], ['y']),
        nodeOf('Add', ['y', 'bias'], ['z']),
        nodeOf('Add', ['z', 'z'], ['v']),
        end('v'),
      ],
      /no product of a stored matrix/,
    ],
  ])('do not exist for %s', (_, nodes, why) => {
    const { product, obstacle } = refitProduct(programOf({ nodes }), SIZES);
    expect(product).toBeNull();
    expect(obstacle).toMatch(why);
  });

  it('say where later parts of the block read the product', () => {
    const nodes = [
      nodeOf('MatMul', ['h', 'W'], ['y']),
      nodeOf('Add', ['x', 'y'], ['mid']),
      nodeOf('Sigmoid', ['mid'], ['gate']),
      nodeOf('Add', ['mid', 'gate'], ['out']),
    ];
    expect(refitProduct(programOf({ nodes }), SIZES).product?.exact).toBe(false);
  });
});
