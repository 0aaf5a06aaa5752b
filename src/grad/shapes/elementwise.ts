// Shape rules of operators that treat every element alike, with the arithmetic of known contents.
// Semantics: onnx/docs/Operators.md.

import { DataType, elementCount } from '../../onnx/graph.ts';
import { broadcast } from '../build/dims.ts';
import type { Call, Rule } from './call.ts';
import { spread } from './content.ts';
import { computable, holding, isFloat, shaped, stored, type Value } from './value.ts';

type Compute = (...values: number[]) => number;

/** The operands broadcast to one another; content where `compute` is given and all are known. */
function combined(
  call: Call,
  operands: readonly Value[],
  type: DataType,
  compute?: Compute,
): readonly Value[] {
  const dims = operands
    .map((operand) => operand.dims)
    .reduce((a, b) => broadcast(a, b, call.node.op));
  if (!compute || !operands.every((x) => x.data !== null && computable(x.type, dims)))
    return [shaped(type, dims)];
  const columns = operands.map((operand) => spread(operand, dims));
  const data = Array.from({ length: elementCount(dims) }, (_, k) =>
    stored(type, compute(...columns.map((column) => column?.[k] as number))),
  );
  return [holding(type, dims, data)];
}

/** One or more operands of one type, which the result has too. */
const same =
  (compute?: Compute): Rule =>
  (call) =>
    combined(call, call.all, call.at(0).type, compute);

/** The same with other arithmetic for integers. */
const byType =
  (whole: Compute, float: Compute): Rule =>
  (call) =>
    combined(call, call.all, call.at(0).type, isFloat(call.at(0).type) ? float : whole);

const truth =
  (compute?: Compute): Rule =>
  (call) =>
    combined(call, call.all, DataType.bool, compute);

/** The result has type and dims of the first operand. */
export const likeFirst: Rule = (call) => [shaped(call.at(0).type, call.at(0).dims)];

/** Integers and booleans become floats and the other way round as C++ does it. */
function cast({ type, dims, data }: Value, to: DataType): Value {
  const exact = to !== DataType.float16 && to !== DataType.bfloat16;
  const finite = isFloat(to) || to === DataType.bool || data?.every(Number.isFinite);
  if (data === null || !finite || !(exact || to === type)) return shaped(to, dims);
  return holding(
    to,
    dims,
    data.map((x) => stored(to, x)),
  );
}

const where: Rule = (call) => {
  const [condition, a, b] = [call.at(0), call.at(1), call.at(2)];
  const dims = [condition, a, b].map((x) => x.dims).reduce((x, y) => broadcast(x, y, 'Where'));
  const [chosen, yes, no] = [condition, a, b].map((x) => spread(x, dims));
  const data = chosen && yes && no && chosen.map((c, k) => (c ? yes[k] : no[k]) as number);
  return [holding(a.type, dims, data ?? null)];
};

const mod: Rule = (call) => {
  // fmod has the sign of the dividend, the integer form that of the divisor.
  const signed = (a: number, b: number): number => a - b * Math.floor(a / b);
  const fmod = call.int('fmod', 0) === 1;
  return combined(call, call.all, call.at(0).type, fmod ? (a, b) => a % b : signed);
};

const clip: Rule = (call) => {
  const x = call.at(0);
  const bound = (k: number, name: string, otherwise: number): number | undefined =>
    call.has(k) ? call.at(k).data?.[0] : call.float(name, otherwise);
  const [low, high] = [bound(1, 'min', -Infinity), bound(2, 'max', Infinity)];
  if (low === undefined || high === undefined) return likeFirst(call);
  return combined(call, [x], x.type, (v) => Math.min(Math.max(v, low), high));
};

/** Gradients are of a model that runs, so nothing is dropped. */
const dropout: Rule = (call) => {
  const x = call.at(0);
  return [x, shaped(DataType.bool, x.dims)];
};

/** Operators of one operand whose numbers are never needed before the run. */
const FUNCTIONS =
  'Exp Log Sin Cos Tan Tanh Sinh Cosh Asin Acos Atan Sigmoid Erf Softplus Softsign Gelu Elu Selu ' +
  'Celu LeakyRelu HardSigmoid HardSwish Mish ThresholdedRelu ' +
  'com.microsoft.QuickGelu com.microsoft.Gelu com.microsoft.BiasGelu com.microsoft.FastGelu';

export const ELEMENTWISE: Readonly<Record<string, Rule>> = {
  ...Object.fromEntries(FUNCTIONS.split(' ').map((op) => [op, likeFirst])),
  Neg: same((x) => -x),
  Abs: same(Math.abs),
  Sqrt: same(Math.sqrt),
  Reciprocal: same((x) => 1 / x),
  Relu: same((x) => Math.max(x, 0)),
  Floor: same(Math.floor),
  Ceil: same(Math.ceil),
  Round: same(),
  Sign: same(Math.sign),
  Add: same((a, b) => a + b),
  Sub: same((a, b) => a - b),
  Mul: same((a, b) => a * b),
  Div: byType(
    (a, b) => Math.trunc(a / b),
    (a, b) => a / b,
  ),
  Pow: same((a, b) => a ** b),
  Sum: same((...values) => values.reduce((a, b) => a + b)),
  Max: same(Math.max),
  Min: same(Math.min),
  Mod: mod,
  And: truth((a, b) => Number(a && b)),
  Or: truth((a, b) => Number(a || b)),
  Xor: truth((a, b) => Number(a !== b)),
  Not: truth((x) => Number(!x)),
  Equal: truth((a, b) => Number(a === b)),
  Less: truth((a, b) => Number(a < b)),
  LessOrEqual: truth((a, b) => Number(a <= b)),
  Greater: truth((a, b) => Number(a > b)),
  GreaterOrEqual: truth((a, b) => Number(a >= b)),
  IsNaN: truth((x) => Number(Number.isNaN(x))),
  IsInf: truth(),
  PRelu: likeFirst,
  Where: where,
  Clip: clip,
  Cast: (call) => [cast(call.at(0), call.requiredInt('to'))],
  CastLike: (call) => [cast(call.at(0), call.at(1).type)],
  Identity: (call) => [call.at(0)],
  Dropout: dropout,
  CumSum: (call) => [cumulative(call)],
};

/** Sums along one axis; each element counts itself unless `exclusive`. */
function cumulative(call: Call): Value {
  const x = call.at(0);
  const axis = call.at(1).data?.[0];
  if (x.data === null || axis === undefined || !computable(x.type, x.dims))
    return shaped(x.type, x.dims);
  const at = axis < 0 ? axis + x.dims.length : axis;
  const size = x.dims[at] as number;
  const inner = elementCount(x.dims.slice(at + 1));
  const [exclusive, reverse] = [call.int('exclusive', 0) === 1, call.int('reverse', 0) === 1];
  const out = new Array<number>(x.data.length);
  for (let start = 0; start < out.length; start += size * inner)
    for (let k = start; k < start + inner; k++) {
      let sum = 0;
      for (let j = 0; j < size; j++) {
        const place = k + (reverse ? size - 1 - j : j) * inner;
        const next = stored(x.type, sum + (x.data[place] as number));
        out[place] = exclusive ? sum : next;
        sum = next;
      }
    }
  return holding(x.type, x.dims, out);
}
