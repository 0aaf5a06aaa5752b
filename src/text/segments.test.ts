// Segments of a text against the goldens' counts and worked examples; what calibration and
// evaluation share.

import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  calibrationText,
  evaluationText,
  golden,
  type SampleGolden,
  samplePath,
} from '../testing/fixtures.ts';
import { overlapShare, overlapWarning } from './overlap.ts';
import { cutSegments } from './segments.ts';
import { loadTokenizer } from './tokenizer.ts';

interface EvaluationGolden {
  tokens: number;
  results: { segment: number; bos: 'none' | 'every'; segments: number }[];
}

const expected = golden<EvaluationGolden>('sample-evaluation');
const tokenizer = loadTokenizer(readFileSync(`${samplePath()}/tokenizer.json`, 'utf8'), null);
const ids = tokenizer.encode(evaluationText());
const counted = (n: number): number[] => Array.from({ length: n }, (_, k) => k);

describe('segments', () => {
  it('are as many as in the goldens', () => {
    expect(ids.length).toBe(expected.tokens);
    for (const { segment, bos, segments } of expected.results) {
      const cut = cutSegments({
        ids,
        segment,
        stride: null,
        bos: bos === 'every' ? 0 : null,
        maxSegments: null,
      });
      expect(cut.segments.length).toBe(segments);
      expect(cut.total).toBe(segments);
    }
  });

  it('follow each other without overlap; the remainder is dropped', () => {
    const plain = cutSegments({
      ids: counted(11),
      segment: 4,
      stride: null,
      bos: null,
      maxSegments: null,
    });
    expect(plain.segments).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
    ]);
    expect(plain.predicts).toEqual([3, 3]);
    const bos = cutSegments({ ids: counted(11), segment: 4, stride: 4, bos: 99, maxSegments: 2 });
    expect(bos).toEqual({
      segments: [
        [99, 0, 1, 2],
        [99, 3, 4, 5],
      ],
      predicts: [3, 3],
      total: 3,
      stride: null,
    });
  });

  it('with a stride predict every token but the first once', () => {
    const cut = cutSegments({
      ids: counted(11),
      segment: 4,
      stride: 2,
      bos: null,
      maxSegments: null,
    });
    expect(cut.segments.map((segment) => segment[0])).toEqual([0, 2, 4, 6]);
    expect(cut.predicts).toEqual([3, 2, 2, 2]);
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 20 }),
        fc.integer({ min: 1, max: 19 }),
        fc.integer({ min: 20, max: 90 }),
        fc.boolean(),
        (segment, stride, n, bos) => {
          fc.pre(stride < segment);
          const { segments, predicts } = cutSegments({
            ids: counted(n),
            segment,
            stride,
            bos: bos ? -1 : null,
            maxSegments: null,
          });
          const predicted = segments.flatMap((ids, k) => ids.slice(segment - (predicts[k] ?? 0)));
          expect(predicted).toEqual(
            counted(n).slice(bos ? 0 : 1, (bos ? 0 : 1) + predicted.length),
          );
          expect(n - predicted.length).toBeLessThan(stride + 1);
        },
      ),
    );
  });

  it('refuse sizes that make no sense, with the numbers', () => {
    const cut = (change: object) => () =>
      cutSegments({
        ids: counted(9),
        segment: 4,
        stride: null,
        bos: null,
        maxSegments: null,
        ...change,
      });
    expect(cut({ segment: 10 })).toThrow('it has 9 tokens, one segment needs 10');
    expect(cut({ segment: 1 })).toThrow('at least 2, not 1');
    expect(cut({ stride: 5 })).toThrow('stride of 5 tokens is longer than a segment of 4');
    expect(cut({ stride: 0 })).toThrow('at least 1, not 0');
    expect(cut({ maxSegments: 1.5 })).toThrow('not 1.5');
  });
});

describe('overlap', () => {
  it('is none between the bundled texts, and all of a text with itself', () => {
    const { windows } = golden<SampleGolden>('sample');
    expect(overlapShare(ids, windows)).toBe(0);
    expect(overlapWarning(0)).toBeNull();
    const own = tokenizer.encode(calibrationText().slice(0, 3000));
    expect(overlapShare(own, [own])).toBe(1);
    expect(overlapShare(own.slice(0, 12), [own])).toBe(0);
  });

  it('counts the runs that lie inside one window', () => {
    const text = counted(100);
    expect(overlapShare(text, [text.slice(10, 30), text.slice(30, 50)])).toBeCloseTo(16 / 88, 12);
    expect(overlapShare(text, [[7, ...text.slice(10, 30)]])).toBeCloseTo(8 / 88, 12);
    expect(overlapWarning(16 / 88)).toContain(
      '18 % of the 13-token sequences of the evaluation text',
    );
    expect(overlapWarning(1e-5)).toContain('Under 0.1 %');
  });
});
