// The one seeded generator of the studio (xoshiro128**), so that every sampled number can be
// reproduced; must not read a clock.

/** Spreads a seed over the state: splitmix32, four draws. */
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
 * xoshiro128** of Blackman and Vigna (2018): uniform unsigned 32-bit integers, period 2^128 - 1.
 * @param seed any integer; its low 32 bits count. A state of four words can be given instead.
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
