// The importance of sublayers: perplexity without the attention or the feed-forward of each block.

import { useMemo } from 'react';
import { nameUnit } from '../../state/plan/unitWords.ts';
import { type SublayersData, sublayersData } from '../../state/sublayers/selectors.ts';
import { axisTitles } from '../../words/charts.ts';
import { formatOriginal, formatPpl } from '../format.ts';
import { useStudio } from '../studioContext.ts';
import { CurveFrame } from './CurveFrame.tsx';
import { SUBLAYER_SHIFT, SublayerMarks } from './SublayerMarks.tsx';

export function SublayersChart() {
  const data = useStudio(sublayersData);
  const { blocks, baseline } = data;
  const lines = useMemo(
    () => [
      {
        name: 'attention',
        stroke: 'color-mix(in srgb, var(--gold) 45%, transparent)',
        shift: -SUBLAYER_SHIFT,
        nlls: blocks.map((pair) => pair?.[0].nll ?? null),
      },
      {
        name: 'feed-forward',
        stroke: 'var(--leaf-soft)',
        shift: SUBLAYER_SHIFT,
        nlls: blocks.map((pair) => pair?.[1].nll ?? null),
      },
    ],
    [blocks],
  );
  return (
    <CurveFrame
      label={inWords(data)}
      testId="parts-chart"
      title={axisTitles.pplWithoutSublayer}
      baseline={baseline?.nll ?? null}
      lines={lines}
      lettered={false}
      marks={(props) => <SublayerMarks {...props} />}
    />
  );
}

/** The curves in words, for screen readers; the block list has every number. */
function inWords({ blocks, baseline }: SublayersData): string {
  const known = blocks
    .flatMap((pair) => (pair ?? []).filter(({ nll }) => nll !== null))
    .sort((a, b) => a.nll! - b.nll!);
  const [least] = known;
  const most = known.at(-1);
  if (!least || !most) return 'Importance of sublayers: nothing scored yet.';
  const original = baseline ? ` Original: ${formatOriginal(baseline.nll)}.` : '';
  const ends =
    `Lowest without ${nameUnit(least.unit)}: ${formatPpl(least.nll!)}. Highest without ` +
    `${nameUnit(most.unit)}: ${formatPpl(most.nll!)}.`;
  return `Perplexity without each of ${known.length} sublayers.${original} ${ends}`;
}
