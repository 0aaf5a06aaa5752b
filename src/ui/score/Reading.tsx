// Below the curve: what is under the pointer or the focus, in words, and what the curve was
// measured on. Both of fixed height, so that nothing jumps.

import { listed } from '../../quantities.ts';
import { scoreSeconds } from '../../state/estimate/selectors.ts';
import {
  type CurvePoint,
  curveView,
  measuredOn,
  runningOn,
  settingsChanged,
  stoppedAfter,
} from '../../state/score/selectors.ts';
import { showsSublayers } from '../../state/sublayers/selectors.ts';
import * as words from '../../words/choose.ts';
import { formatPpl, formatSeconds } from '../format.ts';
import { ScoredAgo } from '../kept/KeptNotes.tsx';
import { useStudio } from '../studioContext.ts';
import { SublayersReading } from '../sublayers/SublayerTools.tsx';
import { useWide } from '../useWide.ts';
import css from './importance.module.css';

/** Blocks that are named one by one; more are counted. */
const MOST_NAMED = 6;

export function Reading() {
  const view = useStudio(curveView);
  const ofSublayers = useStudio(showsSublayers);
  const wide = useWide();
  const hover = useStudio((state) => state.view.hover);
  const point = hover === null ? undefined : view.points[hover];
  if (ofSublayers) return <SublayersReading />;
  const hint = wide ? words.IMPORTANCE.hint : words.IMPORTANCE.hintShort;
  const idle = view.growing ? words.IMPORTANCE.growing : hint;
  return (
    <p className={css.reading} data-testid="reading">
      {point ? inWords(point) : idle}
    </p>
  );
}

function inWords(point: CurvePoint): string {
  const { nll, low, high, withinNoise, group } = point;
  const noise =
    withinNoise.length > MOST_NAMED
      ? { count: withinNoise.length + 1, letter: group }
      : { blocks: listed(withinNoise) };
  return words.pointWords({
    ...point,
    perplexity: nll === null ? null : formatPpl(nll),
    interval: Number.isFinite(low) ? [formatPpl(low), formatPpl(high)] : null,
    noise: withinNoise.length > 0 ? noise : null,
  });
}

/** What the numbers were measured on. */
export function Caption() {
  const growing = useStudio(runningOn);
  const stopped = useStudio(stoppedAfter);
  const hasCurve = useStudio((state) => state.score.curve !== null);
  if (growing) return <p className={css.caption}>{growing}</p>;
  if (stopped)
    return (
      <p className={css.caption} data-testid="stopped">
        {words.stoppedWords(stopped)}
      </p>
    );
  return <div className={css.caption}>{hasCurve && <Measured />}</div>;
}

function Measured() {
  const on = useStudio(measuredOn);
  const changed = useStudio(settingsChanged);
  const again = useStudio(scoreSeconds);
  const seconds = useStudio((state) =>
    state.score.curve?.restored ? null : (state.score.curve?.result.seconds ?? null),
  );
  return (
    <>
      <ScoredAgo />{' '}
      <span data-testid="measured-on">
        {words.measuredOn(on, seconds === null ? null : formatSeconds(seconds))}
      </span>
      {changed && ` · ${words.changedWords(again)}`}
    </>
  );
}
