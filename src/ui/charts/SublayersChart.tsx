// Perplexity with the attention or the feed-forward of each block left out: two series over the
// blocks. A mirror of the opened block list.

import { useMemo } from 'react';
import { nameUnit } from '../../state/plan/unitWords.ts';
import { type SublayersData, sublayersData } from '../../state/sublayers/selectors.ts';
import { formatPpl } from '../format.ts';
import { useStudio } from '../studioContext.ts';
import { CurveFrame } from './CurveFrame.tsx';
import { PART_SHIFT, SublayerMarks } from './SublayerMarks.tsx';

export function SublayersChart() {
  const data = useStudio(sublayersData);
  const { blocks, baseline } = data;
  const lines = useMemo(
    () => [
      {
        name: 'attention',
        stroke: 'color-mix(in srgb, var(--gold) 45%, transparent)',
        shift: -PART_SHIFT,
        nlls: blocks.map((parts) => parts?.[0].nll ?? null),
      },
      {
        name: 'feed-forward',
        stroke: 'var(--leaf-soft)',
        shift: PART_SHIFT,
        nlls: blocks.map((parts) => parts?.[1].nll ?? null),
      },
    ],
    [blocks],
  );
  return (
    <CurveFrame
      label={inWords(data)}
      testId="parts-chart"
      intact={baseline?.nll ?? null}
      lines={lines}
      lettered={false}
      marks={(props) => <SublayerMarks {...props} />}
    />
  );
}

function inWords({ blocks, baseline }: SublayersData): string {
  const known = blocks
    .flatMap((parts) => (parts ?? []).filter(({ nll }) => nll !== null))
    .sort((a, b) => a.nll! - b.nll!);
  const [least] = known;
  const most = known.at(-1);
  if (!least || !most) return 'Importance of parts: nothing scored yet.';
  const intact = baseline ? ` Intact: ${formatPpl(baseline.nll)}.` : '';
  const ends =
    `Lowest without ${nameUnit(least.unit)}: ${formatPpl(least.nll!)}. Highest without ` +
    `${nameUnit(most.unit)}: ${formatPpl(most.nll!)}.`;
  return `Perplexity with each of ${known.length} parts left out.${intact} ${ends}`;
}
