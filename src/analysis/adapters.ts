// Values that adapters start from: numbers that depend on a seed and on nothing else.

/** MurmurHash3's finalizer. @source Appleby, MurmurHash3.cpp (fmix32), public domain */
function fmix32(x: number): number {
  let h = x >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Adapters of one block that start from different numbers. */
const SLOTS = 16;

const GOLDEN = 0x9e3779b9;

/**
 * The first factor of an adapter, (inputs, rank) row by row: uniform in +-1 / sqrt(inputs), as the
 * usual start of LoRA is; the second factor starts from zeros.
 * A[j][k] = (2 u - 1) / sqrt(inputs), u = fmix32(seed + GOLDEN (t + 1) + j inputs + k) / 2^32, with
 * t = 16 block + slot, all modulo 2^32.
 */
export function firstFactor(
  { seed, block, slot }: { seed: number; block: number; slot: number },
  [inputs = 0, rank = 0]: readonly number[],
): Float32Array<ArrayBuffer> {
  const start = (seed + Math.imul(GOLDEN, SLOTS * block + slot + 1)) >>> 0;
  const bound = 1 / Math.sqrt(inputs);
  const values = new Float32Array(inputs * rank);
  for (let j = 0; j < rank; j++)
    for (let k = 0; k < inputs; k++)
      values[k * rank + j] = (2 * (fmix32(start + j * inputs + k) / 2 ** 32) - 1) * bound;
  return values;
}
