// The importance curve: perplexity without each block, or without each sublayer.

import { useMemo } from 'react';
import { type CurveData, curveData } from '../../state/score/selectors.ts';
import { showsSublayers } from '../../state/sublayers/selectors.ts';
import { axisTitles } from '../../words/charts.ts';
import { formatOriginal, formatPpl } from '../format.ts';
import { useStudio } from '../studioContext.ts';
import { CurveFrame } from './CurveFrame.tsx';
import { CurveMarks } from './CurveMarks.tsx';
import { SublayersChart } from './SublayersChart.tsx';

/** Another model begins with its full range. */
export default function ImportanceChart() {
  const model = useStudio((state) => state.model.current?.summary);
  const ofSublayers = useStudio(showsSublayers);
  if (!model) return null;
  const key = `${model.name}/${model.graph}/${model.numBlocks}`;
  return ofSublayers ? <SublayersChart key={key} /> : <BlocksChart key={key} />;
}

export function BlocksChart() {
  const view = useStudio(curveData);
  const { scores, baseline } = view;
  const lines = useMemo(
    () => [
      { name: 'blocks', stroke: 'var(--leaf-soft)', shift: 0, nlls: scores.map(({ nll }) => nll) },
    ],
    [scores],
  );
  return (
    <CurveFrame
      label={inWords(view)}
      testId="importance-chart"
      title={axisTitles.pplWithout}
      baseline={baseline?.nll ?? null}
      lines={lines}
      lettered={scores.some((point) => point.group)}
      marks={(props) => <CurveMarks {...props} />}
    />
  );
}

/** The curve in words, for screen readers; the block list has every number. */
function inWords(view: CurveData): string {
  const known = view.scores.filter((point) => point.nll !== null).sort((a, b) => a.nll! - b.nll!);
  const [least] = known;
  const most = known.at(-1);
  const original = view.baseline ? ` Original: ${formatOriginal(view.baseline.nll)}.` : '';
  if (!least || !most)
    return original
      ? `Importance of blocks.${original}`
      : 'Importance of blocks: nothing scored yet.';
  const ends =
    `Lowest without block ${least.index}: ${formatPpl(least.nll!)}. Highest without block ` +
    `${most.index}: ${formatPpl(most.nll!)}.`;
  return `Perplexity without each of ${known.length} blocks.${original} ${ends}`;
}
