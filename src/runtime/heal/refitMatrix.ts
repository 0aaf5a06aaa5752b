// The matrix of a product before and after a refit, as the graph reads it.

import { throwIfCancelled } from '../../errors.ts';
import type { RefitProduct } from '../../grad/refit/product.ts';
import { matrixProgram, readsByOutput } from '../../grad/refit/programs.ts';
import type { BoundProgram } from '../../model/programs/program.ts';
import { BytesReader } from '../../onnx/bytes.ts';
import type { Folder } from '../../onnx/source.ts';
import { toFloat32 } from '../device/host.ts';
import type { Chain } from '../pass/chain.ts';
import { READ_BYTES } from '../weights/readRanges.ts';
import type { Chunk } from '../weights/windows.ts';

/** The stored values in float32, in the order in which they are stored. */
export async function readMatrix(
  chain: Chain,
  folder: Folder,
  bound: BoundProgram,
  product: RefitProduct,
  chunk: Chunk,
  signal: AbortSignal | undefined,
): Promise<Float32Array<ArrayBuffer>> {
  const { matrix, inputs, outputs } = product;
  if (matrix.floats !== 'computed') {
    const values = new Float32Array(inputs * outputs);
    const bytes = new Uint8Array(values.buffer);
    const source = new BytesReader(folder).open(matrix.floats);
    for (let at = 0; at < bytes.length; at += READ_BYTES) {
      throwIfCancelled(signal);
      bytes.set(await source.read(at, Math.min(READ_BYTES, bytes.length - at)), at);
    }
    return values;
  }
  const program = matrixProgram(bound, product);
  await chain.prepareLate([program], signal);
  try {
    const { host } = await chain.run(program, chunk, {}, new Map());
    const [output] = program.program.outputs;
    const values = Float32Array.from(toFloat32(host.get(output!.name)!));
    return reordered(values, product, matrix.byOutput, matrix.storedByOutput);
  } finally {
    chain.weights.release([program]);
  }
}

/**
 * W + step * D, as it is stored and as the refitted program reads it.
 * @param change D transposed, (outputs, inputs)
 */
export function changedMatrix(
  before: Float32Array,
  change: Float64Array,
  step: number,
  product: RefitProduct,
): { stored: Uint8Array<ArrayBuffer>; read: Uint8Array<ArrayBuffer> } {
  const { inputs, outputs, matrix } = product;
  const values = new Float32Array(before.length);
  for (let row = 0; row < outputs; row++)
    for (let column = 0; column < inputs; column++) {
      const at = matrix.storedByOutput ? row * inputs + column : column * outputs + row;
      values[at] = before[at]! + step * change[row * inputs + column]!;
    }
  const read = reordered(values, product, matrix.storedByOutput, readsByOutput(product));
  return { stored: new Uint8Array(values.buffer), read: new Uint8Array(read.buffer) };
}

/** Values in another order of rows and columns. */
function reordered(
  values: Float32Array<ArrayBuffer>,
  { inputs, outputs }: RefitProduct,
  byOutput: boolean,
  wanted: boolean,
): Float32Array<ArrayBuffer> {
  if (byOutput === wanted) return values;
  const [rows, columns] = byOutput ? [outputs, inputs] : [inputs, outputs];
  const out = new Float32Array(values.length);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++)
      out[column * rows + row] = values[row * columns + column]!;
  return out;
}
