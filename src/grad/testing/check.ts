// Holds gradients to finite differences of the forward graph, both run by ONNX Runtime.

import type * as Ort from 'onnxruntime-web/wasm';
import { encodeInline } from '../../model/programs/programModel.ts';
import { runtime } from '../../model/testing/ort.ts';
import { DataType } from '../../onnx/graph.ts';
import { Builder } from '../build/builder.ts';
import { modelOf } from '../build/model.ts';
import { materialised, sweep } from '../sweep.ts';

/** Floats, row by row. */
export interface Sample {
  dims: readonly number[];
  values: readonly number[];
}

export interface Checked {
  /** Largest difference of an entry over the largest entry, of all gradients. */
  error: number;
  /** Largest entry of any gradient: zero everywhere would agree with nothing. */
  largest: number;
}

const OPSET = 21;

/**
 * Builds y by `forward` from the inputs x0, x1, ..., takes L = sum(c y) with fixed c over all
 * outputs, and compares dL/dx with the five-point difference quotient of L.
 * @param steps of the quotient: coarse enough for float32, fine enough for its fourth order.
 */
export async function checkGradient(
  inputs: readonly Sample[],
  forward: (b: Builder, inputs: readonly string[]) => readonly string[],
  { step = 0.02, fixed = [] as readonly number[], opset = OPSET } = {},
): Promise<Checked> {
  const names = inputs.map((_, k) => `x${k}`);
  const declared = inputs.map(
    ({ dims }, k) => [names[k] as string, { type: DataType.float, dims }] as const,
  );
  const b = new Builder(declared, { opset });
  const outputs = forward(b, names);
  const weights = outputs.map((y, k) => wave(b.dims(y), 0.7 + k, 1));
  const source = { irVersion: 10, opsets: new Map([['', opset]]), functions: [] };
  const model = (values: readonly string[]): Uint8Array =>
    encodeInline(
      modelOf(b, {
        name: 'check',
        inputs: names,
        outputs: values,
        initializers: new Map(),
        source,
      }),
    );
  const plain = await session(model(outputs));
  const leaves = names.filter((_, k) => !fixed.includes(k));
  const seeds = new Map(
    outputs.map((y, k) => [
      y,
      b.constant(DataType.float, b.dims(y), (weights[k] as Sample).values),
    ]),
  );
  const found = sweep(b, { seeds, leaves, known: (name) => contents(b, name) });
  const gradients = leaves.map((leaf) => {
    const gradient = found.get(leaf);
    if (!gradient) throw new Error(`${leaf} has no gradient`);
    return materialised(b, gradient);
  });
  const backward = await session(model([...new Set(gradients)]));
  const run = async (s: Ort.InferenceSession, values: readonly (readonly number[])[]) => {
    const { Tensor } = await runtime();
    const feeds = s.inputNames.map((name) => {
      const k = names.indexOf(name);
      return [name, new Tensor('float32', Float32Array.from(values[k] ?? []), inputs[k]?.dims)];
    });
    return s.run(Object.fromEntries(feeds));
  };
  const loss = async (values: readonly (readonly number[])[]): Promise<number> => {
    const results = await run(plain, values);
    return outputs.reduce((sum, y, k) => {
      const data = results[y]?.data as Float32Array;
      return sum + data.reduce((s, v, j) => s + v * ((weights[k] as Sample).values[j] ?? 0), 0);
    }, 0);
  };
  const at = inputs.map(({ values }) => [...values]);
  const exact = await run(backward, at);
  let [error, largest] = [0, 0];
  for (const [k, leaf] of leaves.entries()) {
    const column = at[names.indexOf(leaf)] as number[];
    const data = exact[gradients[k] as string]?.data as Float32Array;
    for (let j = 0; j < column.length; j++) {
      const moved = async (by: number): Promise<number> => {
        const before = column[j] as number;
        column[j] = before + by;
        const result = await loss(at);
        column[j] = before;
        return result;
      };
      const [near, far] = [step / 2, step];
      const quotient =
        (8 * ((await moved(near)) - (await moved(-near))) -
          ((await moved(far)) - (await moved(-far)))) /
        (12 * near);
      error = Math.max(error, Math.abs(quotient - (data[j] as number)));
      largest = Math.max(largest, Math.abs(quotient));
    }
  }
  await plain.release();
  await backward.release();
  return { error: error / largest, largest };
}

async function session(bytes: Uint8Array): Promise<Ort.InferenceSession> {
  return (await runtime()).InferenceSession.create(bytes, {
    graphOptimizationLevel: 'disabled',
    logSeverityLevel: 3,
  });
}

/** Smooth, different everywhere, and the same on every run. */
export function wave(dims: readonly number[], phase: number, size = 1, level = 0): Sample {
  const count = dims.reduce((n, d) => n * d, 1);
  const values = Array.from(
    { length: count },
    (_, k) => level + size * Math.sin(2.3 * k + phase + 0.11 * k * k),
  );
  return { dims, values };
}

/** Elements of a constant that the builder made. */
function contents(b: Builder, name: string): readonly number[] | null {
  const tensor = b.initializers.get(name);
  if (!tensor || !(tensor.data instanceof Uint8Array)) return null;
  const view = new DataView(tensor.data.slice().buffer);
  const count = tensor.dims.reduce((n, d) => n * d, 1);
  return Array.from({ length: count }, (_, k) =>
    tensor.type === DataType.int64
      ? Number(view.getBigInt64(8 * k, true))
      : view.getFloat32(4 * k, true),
  );
}
