// After a calibration study: whether other windows would have chosen other blocks.

import { planWithinNoise } from '../../state/stability/selectors.ts';
import { wholeBlocks } from '../../units.ts';
import { plural } from '../format.ts';
import kit from '../kit/kit.module.css';
import { useStudio } from '../studioContext.ts';
import css from './stability.module.css';

export function StabilityNoise() {
  const noise = useStudio(planWithinNoise);
  const count = useStudio((state) => wholeBlocks(state.plan.present.removed).length);
  if (!noise) return null;
  const { windows, resamples, inside, outside, gap, gapInterval } = noise;
  const these = count === 1 ? 'this block' : `these ${count} blocks`;
  const share = Number.isNaN(resamples)
    ? ''
    : ` Of random resamples of the study's ${plural(windows, 'window')}, ${percent(resamples)} ` +
      `choose ${these}.`;
  const edge =
    inside === null || outside === null
      ? ''
      : ` Removing block ${outside} instead of block ${inside} changes NLL by ${nats(gap)} nats ` +
        `(95 %: ${nats(gapInterval[0])} to ${nats(gapInterval[1])}).`;
  return (
    <p className={`${kit.callout} ${css.noise}`} data-testid="within-noise">
      <strong>{gap < 0 ? 'Other windows disagree.' : 'Within noise.'}</strong>
      {share}
      {edge}
    </p>
  );
}

const percent = (value: number) =>
  value < 0.005 ? 'fewer than 1 %' : `${Math.round(100 * value)} %`;
const nats = (value: number) => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(3)}`;
