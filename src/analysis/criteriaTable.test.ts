// The table of criteria: names that cannot be confused, documentation for each row, and the blocks
// that a criterion takes.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  CRITERIA,
  type CriterionName,
  MEASURED_SOURCES,
  type SourceData,
} from './criteriaTable.ts';
import {
  known,
  labelOf,
  orderLabelOf,
  recordedOptions,
  recordName,
  takeInOrder,
} from './criterion.ts';

const chosen = { norms: true, span: 3 };
const named = (name: CriterionName) => CRITERIA.find((criterion) => criterion.name === name)!;
const hidden: SourceData['hidden'] = {
  blockInfluence: [0.4, 0.1, 0.3, 0.2],
  angular: [[0.5, 0.2, 0.1, 0.3], [0.6, 0.4, 0.2], [0.7, 0.5], [0.9]],
};

describe('the table of criteria', () => {
  it('has one criterion to a name, a label and a name in an export', () => {
    for (const of of [
      CRITERIA.map(({ name }) => name),
      CRITERIA.map(({ label }) => label),
      CRITERIA.flatMap((one) =>
        recordedOptions(one, chosen).map((options) => recordName(one, options)),
      ),
    ])
      expect(new Set(of).size).toBe(of.length);
  });

  it('uses every source that is measured', () => {
    for (const source of Object.keys(MEASURED_SOURCES))
      expect(
        CRITERIA.some(({ needs }) => needs === source),
        source,
      ).toBe(true);
  });

  it('is documented row by row in docs/numerics.md', () => {
    const docs = readFileSync(join(import.meta.dirname, '../../docs/numerics.md'), 'utf8');
    for (const { name, label, formula, source } of CRITERIA)
      expect(docs).toContain(`| ${label} | \`${name}\` | ${formula} | ${source} |`);
  });
});

describe('a criterion', () => {
  it('adds its option to its label and to its name in an export, and no other option', () => {
    expect(labelOf(named('mag-l1'), chosen)).toBe('Mag L1 with norms');
    expect(labelOf(named('angular'), chosen)).toBe('angular distance of 3 blocks');
    expect(orderLabelOf(named('angular'), chosen)).toBe('angular distance');
    expect(labelOf(named('block-influence'), chosen)).toBe('Block Influence');
    expect(recordName(named('ppl'), chosen)).toBe('ppl');
    expect(
      recordedOptions(named('angular'), chosen).map((one) => recordName(named('angular'), one)),
    ).toEqual(['angular-1', 'angular-3']);
  });

  it('takes the lowest of the removable blocks, fewer where there are fewer', () => {
    const take = known(named('block-influence'), hidden).take(chosen);
    expect(take([0, 1, 2, 3], 2)).toEqual([1, 3]);
    expect(take([0, 2], 3)).toEqual([2, 0]);
    expect(takeInOrder([3, 1, 2])([1, 2], 1)).toEqual([1]);
  });

  it('of contiguous blocks takes the best neighbours whatever the option, or none', () => {
    const take = known(named('angular'), hidden).take(chosen);
    expect(take([0, 1, 2, 3], 1)).toEqual([2]);
    expect(take([0, 1, 2, 3], 2)).toEqual([2, 3]);
    expect(take([0, 1, 3], 2)).toEqual([0, 1]);
    expect(take([0, 2], 2)).toEqual([]);
  });

  it('of the curve keeps its order and gives refused blocks no score', () => {
    const blocks = [
      { index: 0, nll: 3 },
      { index: 1, nll: 0, refused: 'It changes the width.' },
      { index: 2, nll: Number.NaN },
    ];
    const ppl = known(named('ppl'), { blocks, order: [0, 2] });
    expect(ppl.scores(chosen)).toEqual([3, Number.NaN, Number.NaN]);
    expect(ppl.take(chosen)([0, 2], 2)).toEqual([0, 2]);
  });
});
