// Runs a fused operator and what it is taken apart into, for tests.

import { DataType, elementCount, type Tensor } from '../../onnx/graph.ts';
import type { AttributeValue } from '../build/attributes.ts';
import { Builder } from '../build/builder.ts';
import { constantBytes } from '../build/literals.ts';
import { decompose } from '../decompose/decompose.ts';
import { constantValue, shaped, type Value } from '../shapes/value.ts';
import { runtimeValues } from './runtimeValues.ts';
import { graphOf, nodeOf } from './smallGraphs.ts';

/** Dims of a random operand, or an operand of known content; int64 unless told. */
export type Operand =
  | readonly number[]
  | { type?: DataType; dims: readonly number[]; data: readonly number[] };

export interface FusedCase {
  /** Operator, with its domain. */
  op: string;
  operands: readonly (Operand | null)[];
  attributes?: Readonly<Record<string, AttributeValue>>;
  /** Outputs that the node names; all are compared that the decomposition gives. */
  outputs?: number;
  opset?: number;
  /** Scales random numbers: attention needs logits that differ. */
  spread?: number;
}

/** Largest difference of an entry over the largest entry, for each output compared. */
export async function differences(fused: FusedCase): Promise<number[]> {
  const { operands, attributes = {}, outputs = 1, opset = 21, spread = 1 } = fused;
  const [op = '', ...domain] = fused.op.split('.').reverse();
  const names = operands.map((operand, k) => (operand ? `x${k}` : ''));
  const results = Array.from({ length: outputs }, (_, k) => `y${k}`);
  const node = nodeOf(op, names, results, attributes, domain.reverse().join('.'));
  const constants: Tensor[] = [];
  const inputs = new Map<string, Value>();
  const fed = new Map<string, Value>();
  for (const [k, operand] of operands.entries()) {
    if (operand === null) continue;
    const name = `x${k}`;
    if ('data' in operand) {
      const { type = DataType.int64, dims, data } = operand;
      constants.push({ name, type, dims, data: constantBytes(type, data) });
    } else {
      inputs.set(name, shaped(DataType.float, operand));
      fed.set(name, { ...shaped(DataType.float, operand), data: random(operand, k, spread) });
    }
  }
  const of = [...inputs.keys()];
  const direct = await runtimeValues(graphOf([node], of, constants, opset), fed);
  const known = new Map([
    ...constants.map((tensor): [string, Value] => [tensor.name, constantValue(tensor)]),
    ...inputs,
  ]);
  const b = new Builder(known, { opset });
  const made = decompose(b, node, (name) => known.get(name)?.data ?? null);
  if (!made) throw new Error(`${op} is not taken apart`);
  const model = graphOf(b.nodes, of, [...constants, ...b.initializers.values()], opset);
  const apart = await runtimeValues(
    model,
    fed,
    [...new Set(made)].filter((x) => !known.has(x)),
  );
  return made.slice(0, outputs).map((name, k) => {
    const [want, got] = [direct.get(`y${k}`), apart.get(name) ?? fed.get(name)];
    const dims = [want?.dims, got?.dims, b.dims(name)].map((x) => x?.join());
    if (new Set(dims).size !== 1) throw new Error(`${op} gives dims ${dims.join(' ; ')}`);
    let [error, largest] = [0, 0];
    want?.data.forEach((x, j) => {
      error = Math.max(error, Math.abs(x - (got?.data?.[j] as number)));
      largest = Math.max(largest, Math.abs(x));
    });
    return error / largest;
  });
}

/** Numbers of both signs that repeat nowhere, the same at every call. */
function random(dims: readonly number[], seed: number, spread: number): number[] {
  let state = 1 + seed * 7919;
  return Array.from({ length: elementCount(dims) }, () => {
    state = (state * 48271) % 2147483647;
    return Math.fround((state / 1073741824 - 1) * spread);
  });
}
