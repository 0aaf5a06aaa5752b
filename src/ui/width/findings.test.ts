// What the page says that a comparison of width with depth has found.

import { describe, expect, it } from 'vitest';
import type { ComparedPoint } from '../../contract/speed.ts';
import type { WidthRow, WidthRowId, WidthView } from '../../state/width/selectors.ts';
import { findings } from './findings.ts';

const stat = (mean: number) => ({ mean, median: mean, min: mean, max: mean, unit: 'tokens/s' });

function point(batch: number, rates: number[], gain: ComparedPoint['gain']): ComparedPoint {
  const mean = rates.reduce((a, b) => a + b, 0) / rates.length;
  return { batch, rates, gain, throughput: stat(mean), latency: stat(1 / mean) };
}

function row(
  id: WidthRowId,
  label: string,
  perWindow: number[],
  points: ComparedPoint[],
  removedShare = id === 'original' ? 0 : 0.2,
): WidthRow {
  const nll = perWindow.reduce((a, b) => a + b, 0) / perWindow.length;
  return {
    ...{ id, label, name: label, perWindow, nll, points, removedShare },
    ...{ params: 100 * (1 - removedShare), nllEnds: null, stopped: null, fileBytes: null },
    ...{ plan: null, obstacle: null },
  };
}

const view = (rows: WidthRow[]): WidthView => ({
  rows,
  line: [],
  depth: { removed: [1], from: 'plan', isOnOrder: true, removedWeights: 20 },
  batches: [...new Set(rows.flatMap(({ points }) => points.map(({ batch }) => batch)))],
  ...{ stale: false, isOfOtherPlan: false, byRound: true, running: false, whole: true },
});

const gain = (ratio: number, noise = false) => ({
  ratio,
  ci95: [ratio - 0.02, ratio + 0.02] as [number, number],
  noise,
});

describe('the findings', () => {
  it('hold depth against the best and the fastest of width, each by its interval', () => {
    const sentences = findings(
      view([
        row('original', 'original', [2, 2.1, 2.2], [point(1, [100, 101, 100], null)]),
        row('depth', 'depth', [2.5, 2.6, 2.7], [point(1, [125, 126, 124], gain(1.25))]),
        row('flap', 'FLAP', [2.3, 2.4, 2.5], [point(1, [101, 102, 100], gain(1.01, true))]),
        row('llm-pruner', 'LLM-Pruner', [2.9, 3, 3.1], [point(1, [98, 99, 97], gain(0.98, true))]),
      ]),
    );
    expect(sentences).toEqual([
      'Perplexity, lowest first: FLAP 11.02, depth 13.46 and LLM-Pruner 20.09; the original 8.166.',
      'FLAP keeps a lower perplexity than depth.',
      'Gain over the original at batch 1: depth 1.25 ×, FLAP 1.01 × (within noise) and ' +
        'LLM-Pruner 0.98 × (within noise).',
      expect.stringMatching(
        /^At batch 1, depth is faster than FLAP, the fastest of width: 1\.24 ×/,
      ),
    ]);
  });

  it('say where the windows or the runs cannot tell, and where weights differ', () => {
    const sentences = findings(
      view([
        row('original', 'original', [2, 2], [point(4, [100, 101], null)]),
        row('depth', 'depth', [2.5, 2.7], [point(4, [125, 90], gain(1.07, true))]),
        row('flap', 'FLAP', [2.7, 2.5], [point(4, [95, 120], gain(1.07, true))], 0.25),
      ]),
    );
    expect(sentences.join(' ')).toContain('cannot be told apart on these windows');
    expect(sentences.join(' ')).toContain('the fastest of width, are within noise of each other');
    expect(sentences.at(-1)).toContain('depth 20.0 % and FLAP 25.0 %');
  });

  it('are none before anything is measured, and of perplexity alone without speeds', () => {
    expect(findings(view([row('original', 'original', [2], [])]))).toEqual([]);
    const losses = findings(
      view([row('original', 'o', [2], []), row('depth', 'd', [2], []), row('flap', 'f', [3], [])]),
    );
    expect(losses[1]).toBe('Depth keeps a lower perplexity than f, the best of width.');
    expect(losses).toHaveLength(2);
  });
});
