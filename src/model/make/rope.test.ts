// Rotary embeddings of every kind against those of Transformers.

import { describe, expect, it } from 'vitest';
import { EspalierError } from '../../errors.ts';
import type { JsonObject } from '../../json.ts';
import { all, sameFromAnyPlace } from '../../onnx/testing/derived.ts';
import { golden } from '../../testing/fixtures.ts';
import { ropeCaches, ropeOf } from './rope.ts';

interface RopeGolden {
  headSize: number;
  rows: {
    config: JsonObject & { rope_scaling?: JsonObject };
    inverseFrequencies: number[];
    attentionFactor: number;
    long?: { original: number; inverseFrequencies: number[] };
  }[];
}

const { headSize, rows } = golden<RopeGolden>('rope');
const defaults = { headSize, theta: 10000 };

const YARN = { type: 'yarn', factor: 4 };
const LONG = {
  short_factor: Array(16).fill(1),
  long_factor: Array(16).fill(2),
  factor: 4,
  original_max_position_embeddings: 16,
};

/** float32 numbers of another computation: within a few units of the last place. */
function close(found: Float64Array, expected: readonly number[]): void {
  expect(found.length).toBe(expected.length);
  found.forEach((value, k) => {
    expect(Math.abs(value / expected[k]! - 1)).toBeLessThan(1e-6);
  });
}

describe('rotary embeddings', () => {
  it.each(rows)('turn as in Transformers: $config', ({ config, long, ...expected }) => {
    const rope = ropeOf(config, defaults);
    close(rope.inverseFrequencies, expected.inverseFrequencies);
    expect(rope.attentionFactor).toBeCloseTo(expected.attentionFactor, 10);
    expect(rope.long?.original).toBe(long?.original);
    if (long) close(rope.long!.inverseFrequencies, long.inverseFrequencies);
  });

  it.each(rows)('are the same in the words of transformers 5: $config', ({ config }) => {
    const { rope_theta, rope_scaling, partial_rotary_factor, ...rest } = config;
    const flat = { rope_theta, partial_rotary_factor, ...rope_scaling };
    const nested = { sliding_attention: { rope_theta: 7 }, full_attention: flat };
    const expected = ropeOf(config, defaults);
    expect(ropeOf({ ...rest, rope_parameters: flat }, defaults)).toEqual(expected);
    const whole = { ...rest, rope_parameters: nested };
    expect(ropeOf(whole, { ...defaults, layerType: 'full_attention' })).toEqual(expected);
    const local = ropeOf(whole, { ...defaults, layerType: 'sliding_attention' });
    expect(local).toEqual(ropeOf({ rope_theta: 7 }, defaults));
  });

  it('of sliding blocks have a base of their own, without scaling, by the config', () => {
    const rope_scaling = { rope_type: 'linear', factor: 8 };
    const config = { rope_theta: 1e6, rope_local_base_freq: 10000, rope_scaling };
    const local = ropeOf(config, { ...defaults, layerType: 'sliding_attention' });
    expect(local).toEqual(ropeOf({}, defaults));
    const global = ropeOf(config, { ...defaults, layerType: 'full_attention' });
    expect(global.inverseFrequencies[0]).toBe(1 / 8);
  });

  it('take the older names of GPT-NeoX and Phi-3', () => {
    const neox = ropeOf({ rotary_pct: 0.25, rotary_emb_base: 500 }, { ...defaults, partial: 0.5 });
    expect(neox).toEqual(ropeOf({ partial_rotary_factor: 0.25, rope_theta: 500 }, defaults));
    const { config } = rows.at(-2)!;
    const rope_scaling = { ...config.rope_scaling, rope_type: 'su' };
    const phi = { ...defaults, synonyms: { su: 'longrope' }, original: 64 };
    const { original_max_position_embeddings: _, ...silent } = config;
    expect(ropeOf({ ...silent, rope_scaling }, phi)).toEqual(ropeOf(config, defaults));
  });

  it.each([
    [{ rope_scaling: { type: 'swirl', factor: 2 } }, 'rope_scaling.type = "swirl"'],
    [{ rope_scaling: { rope_type: 'linear' } }, 'does not say rope_scaling.factor'],
    [{ rope_scaling: { rope_type: 'linear', factor: '2' } }, 'rope_scaling.factor = "2"'],
    [{ rope_scaling: { rope_type: 'dynamic', factor: 1, alpha: 9 } }, 'rope_scaling.alpha = 9'],
    [{ rope_parameters: { rope_theta: 9 }, rope_scaling: YARN }, 'rope_scaling = {"type":"yarn"'],
    [
      { max_position_embeddings: 64, rope_scaling: { ...LONG, type: 'longrope' } },
      'rope_scaling.original_max_position_embeddings = 16',
    ],
    [{ rope_parameters: [1] }, 'rope_parameters = [1]'],
    [{ rope_theta: 0 }, 'rope_theta = 0'],
    [{ partial_rotary_factor: 1.5 }, 'partial_rotary_factor = 1.5'],
    [
      {
        max_position_embeddings: 8,
        rope_scaling: { type: 'longrope', short_factor: [1], long_factor: [1] },
      },
      'rope_scaling.short_factor = "1 numbers for 16 frequencies"',
    ],
  ])('refuse %j by the name of the field', (config, said) => {
    expect(() => ropeOf(config, defaults)).toThrow(EspalierError);
    expect(() => ropeOf(config, defaults)).toThrow(said);
  });

  it('are tables of cos and sin that are computed where they are read', async () => {
    const rotation = { inverseFrequencies: Float64Array.of(1, 0.01), attentionFactor: 1.5 };
    const { cos, sin, dims } = ropeCaches(rotation, 9);
    expect(dims).toEqual([9, 2]);
    const values = async (data: typeof cos) => new Float32Array((await all(data)).buffer);
    const positions = Array.from({ length: 9 }, (_, position) => position);
    const table = (wave: (radians: number) => number) =>
      Float32Array.from(positions.flatMap((p) => [1.5 * wave(p), 1.5 * wave(0.01 * p)]));
    expect(await values(cos)).toEqual(table(Math.cos));
    expect(await values(sin)).toEqual(table(Math.sin));
    await sameFromAnyPlace(sin);
  });
});
