// A product with a matrix in few bits, and what it must be: the product in float64 with the numbers
// that the integers stand for.

import { count, filled, type HostTensor, numbers, toFloat32 } from '../host.ts';
import { node, noise, ofType, type Probe, probe } from '../probes.ts';

/** How MatMulNBits has a matrix. */
export interface FewBitsForm {
  bits: 4 | 8;
  block: number;
  zeros: 'none' | 'integers' | 'floats';
  /** Of activations, scales and zero points that are floats. */
  type: 'float32' | 'float16';
}

/** Sizes of a probe: rows of activations, outputs, and inputs in whole blocks and a rest. */
export interface FewBitsSizes {
  rows: number;
  outputs: number;
  inputs: number;
}

/** More rows than one, for which kernels differ, a row beyond a tile, and an odd output. */
const sizesOf = ({ block }: FewBitsForm): FewBitsSizes => ({
  rows: 9,
  outputs: 33,
  inputs: 3 * block + block / 2,
});

/** Weights are fed, as score programs do, unless `packed`: then they lie in the graph. */
export function fewBitsProbe(
  form: FewBitsForm,
  { rows, outputs, inputs } = sizesOf(form),
  { packed = false, accuracyLevel = 0 } = {},
): { probe: Probe; expected: Float64Array } {
  const { bits, block, zeros, type } = form;
  const blocks = Math.ceil(inputs / block);
  const random = (length: number, seed: number): Float32Array =>
    noise([length], seed, 1).data as Float32Array;
  const most = 2 ** bits;
  const integer = (value: number): number =>
    Math.min(most - 1, Math.floor(((value + 1) / 2) * most));
  const quants = Uint8Array.from(random(outputs * blocks * block, 11), integer);
  for (let row = 0; row < outputs; row++)
    quants.fill(0, row * blocks * block + inputs, (row + 1) * blocks * block);
  const dims = [outputs, blocks];
  // Scales of both signs: symmetric rounding has them.
  const scales = ofType(type, noise(dims, 12, 1 / most));
  const points =
    zeros === 'floats'
      ? ofType(type, positive(noise(dims, 13, most / 2), most / 2))
      : numbers('float32', dims, [...random(count(dims), 14)].map(integer));
  const half = filled('float32', dims, most / 2);
  const value = toFloat32(zeros === 'none' ? half : points);
  const left = ofType(type, noise([rows, inputs], 15, 1));
  const [x, s] = [toFloat32(left), toFloat32(scales)];
  const expected = new Float64Array(rows * outputs);
  for (let n = 0; n < outputs; n++)
    for (let k = 0; k < inputs; k++) {
      const at = n * blocks + Math.floor(k / block);
      const weight = ((quants[n * blocks * block + k] ?? 0) - (value[at] ?? 0)) * (s[at] ?? 0);
      for (let m = 0; m < rows; m++)
        expected[m * outputs + n] =
          (expected[m * outputs + n] ?? 0) + (x[m * inputs + k] ?? 0) * weight;
    }
  const weights = new Map<string, HostTensor>([
    ['quants', packedTensor(quants, [outputs, blocks, block], bits)],
    ['scales', scales],
  ]);
  if (zeros === 'floats') weights.set('zeros', points);
  if (zeros === 'integers') {
    const bytes = Uint8Array.from(toFloat32(points));
    weights.set('zeros', packedTensor(bytes, [outputs, blocks], bits));
  }
  const int = (name: string, number: number) => ({ name, kind: 'int', value: number }) as const;
  const multiply = node(
    'MatMulNBits',
    ['left', ...weights.keys()],
    ['product'],
    [
      int('K', inputs),
      int('N', outputs),
      int('bits', bits),
      int('block_size', block),
      int('accuracy_level', accuracyLevel),
    ],
    'com.microsoft',
  );
  const fed: [string, HostTensor][] = packed ? [] : [...weights];
  return {
    probe: probe({
      id: `probe-few-bits ${bits} ${block} ${zeros} ${type}`,
      nodes: [multiply],
      feeds: new Map([['left', left], ...fed]),
      ...(packed ? { constants: weights } : {}),
      output: 'product',
      type,
    }),
    expected,
  };
}

/** Integers of the last axis packed into bytes, which each row starts anew. */
function packedTensor(values: Uint8Array, dims: number[], bits: 4 | 8): HostTensor {
  if (bits === 8) return { type: 'uint8', dims, data: values };
  const width = dims.at(-1) ?? 0;
  const bytes = Math.ceil(width / 2);
  const data = new Uint8Array((values.length / width) * bytes);
  for (const [k, value] of values.entries()) {
    const at = Math.floor(k / width) * bytes + ((k % width) >> 1);
    data[at] = (data[at] ?? 0) | (value << (4 * ((k % width) & 1)));
  }
  return { type: 'uint8', dims: [...dims.slice(0, -1), bytes], data };
}

/** Numbers around `middle` in place of those around 0. */
function positive(tensor: HostTensor, middle: number): HostTensor {
  return { ...tensor, data: toFloat32(tensor).map((value) => value + middle) };
}
