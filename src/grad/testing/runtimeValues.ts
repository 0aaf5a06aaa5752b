// Runs a graph on the wasm build of ONNX Runtime Web with all its values as outputs, for tests.

import type * as Ort from 'onnxruntime-web/wasm';
import { runtime } from '../../model/testing/ort.ts';
import { encodeModel } from '../../onnx/codec.ts';
import { DataType, elementCount, type Model } from '../../onnx/graph.ts';
import { isFloat, type Value } from '../shapes/value.ts';

const ARRAYS = {
  [DataType.float]: ['float32', Float32Array],
  [DataType.double]: ['float64', Float64Array],
  [DataType.float16]: ['float16', Uint16Array],
  [DataType.int64]: ['int64', BigInt64Array],
  [DataType.int32]: ['int32', Int32Array],
  [DataType.int8]: ['int8', Int8Array],
  [DataType.uint8]: ['uint8', Uint8Array],
  [DataType.bool]: ['bool', Uint8Array],
  [DataType.int4]: ['int4', Uint8Array],
  [DataType.uint4]: ['uint4', Uint8Array],
} as const;

/** What ONNX Runtime computed: element type as its ONNX number, dims, and numbers. */
export interface Result {
  type: DataType;
  dims: readonly number[];
  data: readonly number[];
}

/**
 * Every value of a graph, or those named, for these inputs. Floats of unknown content are small
 * numbers of both signs, unknown integers are small, unknown booleans true.
 */
export async function runtimeValues(
  model: Model,
  inputs: ReadonlyMap<string, Value>,
  outputs: readonly string[] = model.graph.nodes.flatMap((node) => node.outputs.filter(Boolean)),
): Promise<Map<string, Result>> {
  const ort = await runtime();
  const graph = { ...model.graph, outputs: outputs.map((name) => ({ name, type: 0, dims: null })) };
  const bytes = encodeModel({ ...model, graph }, () => {
    throw new Error('the graph holds ranges');
  });
  const session = await ort.InferenceSession.create(bytes, {
    logSeverityLevel: 3,
    graphOptimizationLevel: 'disabled',
  });
  const feeds: Record<string, Ort.Tensor> = {};
  for (const name of session.inputNames) {
    const value = inputs.get(name);
    if (value) feeds[name] = tensorOf(ort, value);
  }
  const results = await session.run(feeds);
  await session.release();
  return new Map(outputs.map((name) => [name, resultOf(results[name] as Ort.Tensor)]));
}

function tensorOf(ort: typeof Ort, { type, dims, data }: Value): Ort.Tensor {
  const [name, List] = ARRAYS[type as keyof typeof ARRAYS];
  const four = type === DataType.int4 || type === DataType.uint4;
  const length = four ? Math.ceil(elementCount(dims) / 2) : elementCount(dims);
  const at = (k: number): number => data?.[k] ?? filler(type, k);
  const list =
    List === BigInt64Array
      ? BigInt64Array.from({ length }, (_, k) => BigInt(at(k)))
      : (List as typeof Float32Array).from({ length }, (_, k) => at(k));
  return new ort.Tensor(name as 'float32', list as Float32Array, dims as number[]);
}

function filler(type: DataType, k: number): number {
  if (type === DataType.float16) return 0x2000 + (k % 512);
  if (isFloat(type)) return Math.sin(k * 1.7 + 1) / 3;
  return type === DataType.bool ? 1 : k % 3;
}

function resultOf(tensor: Ort.Tensor): Result {
  const type = Object.entries(ARRAYS).find(([, [name]]) => name === tensor.type)?.[0];
  const data = Array.from(tensor.data as Float32Array, Number);
  return { type: Number(type), dims: tensor.dims, data };
}
