// How the speed was measured, whether the gain may be noise, what was predicted, what failed.

import { type SpeedView, speedView } from '../../state/speed/selectors.ts';
import { formatRate } from '../format.ts';
import kit from '../kit/kit.module.css';
import { useStudio } from '../studioContext.ts';
import css from './speed.module.css';

export function SpeedStatus() {
  const view = useStudio(speedView);
  const hasPlan = useStudio((state) => state.plan.present.removed.length > 0);
  const live = useStudio((state) => state.speed.notes);
  const notes = live.length ? live : view.notes;
  return (
    <>
      <div className={css.status} data-testid="speed-status">
        {view.protocol ? (
          <p data-testid="speed-protocol">
            {view.protocol}, {view.devices.join(' against ')}
            {view.cache && `, ${view.cache}`}.
          </p>
        ) : (
          <p>Not measured yet. Runs alternate between original and pruned.</p>
        )}
        {view.stale && <p>The pruned numbers are {view.staleWords}.</p>}
        {hasPlan && <Noise view={view} />}
        {hasPlan && <Predicted view={view} />}
        <Failures view={view} />
      </div>
      {notes.length > 0 && (
        <ul className={css.notes} data-testid="speed-notes">
          {notes.map((note) => (
            <li key={note}>{note}</li>
          ))}
        </ul>
      )}
    </>
  );
}

function Noise({ view: { gain, stale, mode } }: { view: SpeedView }) {
  if (!gain || stale) return null;
  const [low, high] = gain.ci95;
  const interval = `95 %: ${low.toFixed(2)} to ${high.toFixed(2)}`;
  if (gain.noise) {
    return (
      <p className={kit.bad} data-testid="speed-noise">
        Gain {gain.ratio.toFixed(2)} × ({interval}) may be noise: runs differ more than the models
        do.
        {mode === 'quick' && ' The paper’s protocol makes more runs.'}
      </p>
    );
  }
  return (
    <p data-testid="speed-gain">
      Gain {gain.ratio.toFixed(2)} × ({interval}).
    </p>
  );
}

function Predicted({ view: { prediction, predicted } }: { view: SpeedView }) {
  if (prediction) {
    const { tokensPerSecond, fit, blocks } = prediction;
    const line = `${ms(fit.a)} + ${ms(fit.b)} × blocks`;
    const beyond = blocks < fit.blocks[0] || blocks > fit.blocks[1];
    return (
      <p className={css.predicted} data-testid="prediction">
        Predicted {formatRate(tokensPerSecond)} tok/s for this plan, from a latency of {line} ms
        {beyond && `, outside the measured ${fit.blocks[0]} to ${fit.blocks[1]} blocks`}.
      </p>
    );
  }
  if (!predicted) return null;
  return (
    <p className={css.predicted} data-testid="prediction">
      Predicted {formatRate(predicted.tokensPerSecond)} tok/s.
    </p>
  );
}

const ms = (seconds: number) => (seconds * 1000).toPrecision(3).replace('-', '−');

function Failures({ view: { errors } }: { view: SpeedView }) {
  const all = (['original', 'pruned'] as const).flatMap((which) =>
    errors[which] ? [{ which, error: errors[which] }] : [],
  );
  return all.map(({ which, error }) => (
    <p key={which} className={kit.bad} role="alert" data-testid={`speed-failed-${which}`}>
      The {which === 'original' ? 'original' : 'pruned model'} failed: {error.message} {error.hint}
    </p>
  ));
}
