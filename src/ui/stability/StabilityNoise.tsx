// After a calibration study: whether other windows would have chosen other blocks, and the order
// that they choose.

import { plural } from '../../quantities.ts';
import { planWithinNoise } from '../../state/stability/selectors.ts';
import { wholeBlocks } from '../../units.ts';
import { insteadWords, NOISE, prefersWords, resampleWords } from '../../words/noise.ts';
import kit from '../kit/kit.module.css';
import { Term } from '../kit/Term.tsx';
import { useActions, useStudio } from '../studioContext.ts';
import css from './stability.module.css';

export function StabilityNoise() {
  const noise = useStudio(planWithinNoise);
  const count = useStudio((state) => wholeBlocks(state.plan.present.removed).length);
  const actions = useActions();
  if (!noise) return null;
  const { windows, resamples, inside, outside, gap, gapInterval } = noise;
  const bounded = inside !== null && outside !== null;
  const prefers = bounded && gap < 0;
  const [before, after] = resampleWords(resamples, plural(windows, 'window'), count);
  return (
    <div className={`${kit.callout} ${css.noise}`} data-testid="within-noise">
      <p>
        <strong>{prefers ? prefersWords(outside, inside) : NOISE.within}</strong>{' '}
        {bounded &&
          insteadWords(outside, inside, nats(gap), [nats(gapInterval[0]), nats(gapInterval[1])])}
        {!Number.isNaN(resamples) && (
          <>
            {' '}
            {before} <Term id="resamples">{NOISE.drawnAgain}</Term>
            {after}
          </>
        )}
      </p>
      {prefers && (
        <button type="button" data-testid="noise-use-study" onClick={actions.takeStudyOrder}>
          {NOISE.use}
        </button>
      )}
    </div>
  );
}

const nats = (value: number) => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(3)}`;
