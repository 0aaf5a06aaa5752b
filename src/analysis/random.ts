// The seeded random number generator of the studio, xoshiro128**, which makes every sample
// reproducible.

/** Expands a seed to the state: four outputs of splitmix32. */
function expand(seed: number): Uint32Array {
  const state = new Uint32Array(4);
  let x = seed >>> 0;
  for (let i = 0; i < 4; i++) {
    x = (x + 0x9e3779b9) >>> 0;
    let z = x;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    state[i] = (z ^ (z >>> 15)) >>> 0;
  }
  return state;
}

const rotl = (x: number, k: number): number => (x << k) | (x >>> (32 - k));

/**
 * xoshiro128**: uniform unsigned 32-bit integers with period 2^128 - 1.
 * @param seed any integer, of which the low 32 bits count; or the state itself, four words.
 * @source Blackman and Vigna, Scrambled Linear Pseudorandom Number Generators (2018)
 */
export function xoshiro128(seed: number | readonly [number, number, number, number]): () => number {
  const s = typeof seed === 'number' ? expand(seed) : Uint32Array.from(seed);
  return () => {
    const s1 = s[1]!;
    const result = Math.imul(rotl(Math.imul(s1, 5), 7), 9) >>> 0;
    s[2]! ^= s[0]!;
    s[3]! ^= s1;
    s[1]! ^= s[2]!;
    s[0]! ^= s[3]!;
    s[2]! ^= s1 << 9;
    s[3] = rotl(s[3]!, 11);
    return result;
  };
}
