// Choosing tokens, against a plain reference that sorts everything, and against expected
// frequencies.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { xoshiro128 } from './random.ts';
import { argmax, checkSampling, createSampler, GREEDY, type Sampling } from './sampling.ts';
import { selectFromTop } from './select.ts';

const sampling = (change: Partial<Sampling>): Sampling => ({
  ...GREEDY,
  temperature: 1,
  ...change,
});

/**
 * Probabilities (V,) by the definition: sort everything, cut at k, cut at p. Ids that cannot be
 * drawn have 0.
 */
function reference(logits: readonly number[], { temperature, topK, topP }: Sampling): number[] {
  const values = logits.map(Math.fround);
  const descending = [...values].sort((a, b) => b - a);
  const kth = topK > 0 && topK < values.length ? descending[topK - 1]! : Number.NEGATIVE_INFINITY;
  const kept = values
    .map((logit, id) => ({
      id,
      weight: logit >= kth ? Math.exp((logit - descending[0]!) / temperature) : 0,
    }))
    .filter(({ weight }) => weight > 0)
    .sort((a, b) => b.weight - a.weight || a.id - b.id);
  const total = kept.reduce((sum, { weight }) => sum + weight, 0);
  const out = logits.map(() => 0);
  let before = 0;
  let inside = 0;
  for (const { id, weight } of kept) {
    if (topP < 1 && before >= topP * total * (1 - 1e-12)) break;
    out[id] = weight;
    inside += weight;
    before += weight;
  }
  return out.map((w) => w / inside);
}

const logitRows = fc.array(
  fc.oneof(fc.double({ min: -12, max: 12, noNaN: true }), fc.constantFrom(-3, 0, 2.5)),
  {
    minLength: 1,
    maxLength: 60,
  },
);
const settings = fc.record({
  temperature: fc.double({ min: 0.05, max: 4, noNaN: true }),
  topK: fc.integer({ min: 0, max: 70 }),
  topP: fc.oneof(fc.constant(1), fc.double({ min: 0.01, max: 0.999, noNaN: true })),
  seed: fc.nat(),
});

describe('greedy', () => {
  it('takes the first of equals, never NaN or -Infinity', () => {
    expect(argmax(Float32Array.of(1, 3, 3, 2))).toBe(1);
    expect(argmax(Float32Array.of(Number.NaN, -5, Number.NaN, -4))).toBe(3);
    expect(argmax(Float32Array.of(Number.NEGATIVE_INFINITY, Number.NaN))).toBe(-1);
    expect(argmax(Float32Array.of(0, Number.POSITIVE_INFINITY))).toBe(1);
    expect(
      createSampler(sampling({ temperature: 0, topK: 1, topP: 0.1, seed: 3 }))(
        Float32Array.of(1, 2, 0),
      ),
    ).toBe(1);
  });

  it('says so when no logit is a number, greedy and sampled', () => {
    for (const temperature of [0, 1]) {
      const choose = createSampler(sampling({ temperature }));
      for (const row of [
        Float32Array.of(Number.NaN, Number.NEGATIVE_INFINITY),
        new Float32Array(0),
      ])
        expect(() => choose(row)).toThrow(/logits is a number/);
    }
  });
});

describe('sampling', () => {
  it('inverts the distribution of the sorted reference, ids in ascending order', () => {
    fc.assert(
      fc.property(logitRows, settings, (row, s) => {
        const expected = reference(row, s);
        const choose = createSampler(s);
        const words = xoshiro128(s.seed);
        for (let i = 0; i < 20; i++) {
          const draw = ((words() >>> 5) * 2 ** 26 + (words() >>> 6)) / 2 ** 53;
          const chosen = choose(Float32Array.from(row));
          const below = expected.slice(0, chosen).reduce((sum, p) => sum + p, 0);
          expect(expected[chosen]).toBeGreaterThan(0);
          expect(draw).toBeGreaterThan(below - 1e-9);
          expect(draw).toBeLessThan(below + expected[chosen]! + 1e-9);
        }
      }),
      { numRuns: 400 },
    );
  });

  it('has the frequencies of the reference', () => {
    const row = [0.3, 2, -1, 1.2, 2, 0, -4, 1.9];
    for (const s of [
      sampling({ temperature: 0.7, seed: 1 }),
      sampling({ temperature: 1.5, topK: 4, seed: 2 }),
      sampling({ topP: 0.8, seed: 3 }),
      sampling({ temperature: 1.2, topK: 5, topP: 0.9, seed: 4 }),
    ]) {
      const expected = reference(row, s);
      const choose = createSampler(s);
      const logits = Float32Array.from(row);
      const draws = 20_000;
      const counts = row.map(() => 0);
      for (let i = 0; i < draws; i++) counts[choose(logits)]! += 1;
      const chi = expected.reduce(
        (sum, p, id) => (p === 0 ? sum : sum + (counts[id]! - p * draws) ** 2 / (p * draws)),
        0,
      );
      // 99.9 % point of chi-square with 7 degrees of freedom.
      expect(chi).toBeLessThan(24.3);
      for (const [id, p] of expected.entries()) if (p === 0) expect(counts[id]).toBe(0);
    }
  });

  it('keeps ties of the k-th logit, and the lower ids of ties at the edge of the nucleus', () => {
    const drawn = (row: number[], s: Sampling): number[] => {
      const choose = createSampler(s);
      const seen = new Set(Array.from({ length: 400 }, () => choose(Float32Array.from(row))));
      return [...seen].sort((a, b) => a - b);
    };
    expect(drawn([1, 0, 1, 1], sampling({ topK: 2 }))).toEqual([0, 2, 3]);
    expect(drawn([1, 1, 1, 1], sampling({ topP: 0.5 }))).toEqual([0, 1]);
    expect(drawn([0, 5, 5, 0], sampling({ topP: 0.01 }))).toEqual([1]);
    expect(drawn([Number.NaN, 1, Number.NEGATIVE_INFINITY, 1], sampling({}))).toEqual([1, 3]);
    expect(drawn([2, Number.POSITIVE_INFINITY, 9], sampling({ topP: 0.9, topK: 2 }))).toEqual([1]);
    expect(drawn([3, 2, 1], sampling({ temperature: 1e-9 }))).toEqual([0]);
  });

  it('finds the k-th logit among many, ascending, descending and mixed', () => {
    for (const order of [
      (i: number) => i,
      (i: number) => -i,
      (i: number) => (i * 7919) % 6007,
      (i: number) => i % 3,
    ]) {
      const row = Array.from({ length: 6000 }, (_, i) => order(i) / 1000);
      const s = sampling({ temperature: 50, topK: 5, seed: 1 });
      const expected = reference(row, s);
      const choose = createSampler(s);
      const seen = new Set(Array.from({ length: 300 }, () => choose(Float32Array.from(row))));
      for (const id of seen) expect(expected[id]).toBeGreaterThan(0);
      expect(seen.size).toBeGreaterThanOrEqual(Math.min(5, expected.filter((p) => p > 0).length));
    }
  });

  it('depends on the seed alone, and stays in step whatever is kept', () => {
    const rows = Array.from({ length: 50 }, (_, i) =>
      Float32Array.from({ length: 30 }, (_, id) => Math.sin(i * 31 + id * 7)),
    );
    const ids = (s: Sampling): number[] => {
      const choose = createSampler(s);
      return rows.map((row) => choose(row));
    };
    expect(ids(sampling({ seed: 5 }))).toEqual(ids(sampling({ seed: 5 })));
    expect(ids(sampling({ seed: 5 }))).not.toEqual(ids(sampling({ seed: 6 })));
    const one = createSampler(sampling({ seed: 9 }));
    const other = createSampler(sampling({ seed: 9 }));
    one(Float32Array.of(0, -30));
    other(Float32Array.from({ length: 90 }, () => 0));
    const row = Float32Array.from({ length: 200 }, (_, id) => Math.cos(id));
    expect(one(row)).toBe(other(row));
  });

  it('takes a vocabulary of 256k, flat or peaked, and leaves the logits alone', () => {
    const flat = new Float32Array(262_144);
    const peaked = Float32Array.from(flat, (_, id) => (id === 200_000 ? 60 : (id % 97) / 10));
    const before = peaked.slice();
    expect(createSampler(sampling({ topP: 0.5 }))(flat)).toBeLessThan(131_072);
    expect(createSampler(sampling({ topK: 40, topP: 0.95 }))(peaked)).toBe(200_000);
    expect(peaked).toEqual(before);
  });
});

describe('selecting from the top', () => {
  it('gives the k-th largest, also among equals', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -5, max: 5 }), { minLength: 1, maxLength: 50 }),
        fc.nat(49),
        (values, rank) => {
          const k = (rank % values.length) + 1;
          const sorted = [...values].sort((a, b) => b - a);
          const { value, above } = selectFromTop(Float64Array.from(values), k, 'count');
          expect(value).toBe(sorted[k - 1]);
          expect(above).toBe(values.filter((v) => v > value).length);
        },
      ),
    );
  });

  it('gives the value at which the sum is reached, the smallest where it never is', () => {
    expect(selectFromTop(Float64Array.of(1, 4, 2, 3), 7, 'sum')).toEqual({ value: 3, above: 4 });
    expect(selectFromTop(Float64Array.of(1, 4, 2, 3), 7.5, 'sum')).toEqual({ value: 2, above: 7 });
    expect(selectFromTop(Float64Array.of(1, 4, 2, 3), 99, 'sum').value).toBe(1);
  });
});

describe('checking', () => {
  it('names the value that makes no sense', () => {
    for (const [change, words] of [
      [{ temperature: -1 }, /temperature .*-1/],
      [{ temperature: Number.NaN }, /temperature .*NaN/],
      [{ topK: 2.5 }, /Top-k .*2\.5/],
      [{ topK: -1 }, /Top-k/],
      [{ topP: 0 }, /Top-p .*0/],
      [{ topP: 1.1 }, /Top-p .*1\.1/],
      [{ seed: 0.5 }, /seed .*0\.5/],
    ] as const)
      expect(() => checkSampling(sampling(change))).toThrow(words);
    expect(() => checkSampling(sampling({ topP: 1, topK: 0, temperature: 0 }))).not.toThrow();
  });
});
