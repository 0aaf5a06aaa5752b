// One line in the effect panel: other windows might well have chosen other blocks. Only after a
// study, and with its numbers.

import { planWithinNoise } from '../../state/stability/selectors.ts';
import { wholeBlocks } from '../../units.ts';
import css from '../criteria/criteria.module.css';
import { plural } from '../format.ts';
import { useStudio } from '../studioContext.ts';

export function StabilityNoise() {
  const noise = useStudio(planWithinNoise);
  const count = useStudio((state) => wholeBlocks(state.plan.present.removed).length);
  if (!noise) return null;
  const { windows, resamples, inside, outside, gap, gapInterval } = noise;
  const these = count === 1 ? 'this block' : `these ${count} blocks`;
  const share = Number.isNaN(resamples)
    ? ''
    : ` ${percent(resamples)} of resamples of the study's ${plural(windows, 'window')} choose ` +
      `${these}.`;
  const edge =
    inside === null || outside === null
      ? ''
      : ` Leaving out ${outside} costs ${nats(gap)} nats against ${inside} (95 %: ` +
        `${nats(gapInterval[0])} to ${nats(gapInterval[1])}).`;
  return (
    <p className={css.noise} data-testid="within-noise">
      <strong>{gap < 0 ? 'Other windows choose otherwise.' : 'Within noise.'}</strong>
      {share}
      {edge}
    </p>
  );
}

const percent = (value: number) =>
  value < 0.005 ? 'Fewer than 1 %' : `${Math.round(100 * value)} %`;
const nats = (value: number) => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(3)}`;
