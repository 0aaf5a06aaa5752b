// The tables of cos and sin that rotary attention reads.

import { EspalierError } from '../../errors.ts';
import type { ByteSource, Derivation } from '../source.ts';
import { rowSource } from './rows.ts';

/**
 * Of float64 radians per position (pairs): float32 (positions, pairs) of the cos or the sin (`of`)
 * of position x radians, times `factor`; computed in float64 and rounded.
 */
export function rotaryCache(
  [source]: readonly ByteSource[],
  { of, positions, factor }: Derivation['parameters'],
  label: string,
): ByteSource {
  if (!source) throw new EspalierError('bug', `${label} has nothing to be computed from.`);
  const pairs = source.size / 8;
  const wave = of === 'sin' ? Math.sin : Math.cos;
  const make = async (from: number, to: number): Promise<Uint8Array> => {
    const radians = new Float64Array((await source.read(0, source.size)).buffer);
    const out = new Float32Array((to - from) * pairs);
    for (let position = from, at = 0; position < to; position++)
      for (const radian of radians) out[at++] = wave(position * radian) * Number(factor);
    return new Uint8Array(out.buffer);
  };
  return rowSource({ rows: Number(positions), rowBytes: pairs * 4, make }, label);
}
