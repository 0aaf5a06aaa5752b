// How the speed was measured, what was foretold, whether it may be noise; and the buttons that measure, with progress and cancel in their place.

import { type SpeedView, speedView } from '../../state/speedSelectors.ts';
import { formatRate } from '../format.ts';
import { CommandButton } from '../kit/CommandButton.tsx';
import { JobProgress } from '../kit/JobProgress.tsx';
import kit from '../kit/kit.module.css';
import { useActions, useStudio } from '../studioContext.ts';
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
            {view.stale && 'The pruned numbers are of another plan. '}
            {view.protocol}, {view.devices.join(' against ')}
            {view.cache && `, ${view.cache}`}.
          </p>
        ) : (
          <p>Not measured yet. Original and pruned take turns run by run, in a worker of their own that is ended afterwards.</p>
        )}
        {hasPlan && <Noise view={view} />}
        {hasPlan && <Foretold view={view} />}
        <Failures view={view} />
      </div>
      <Tools />
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

function Noise({ view: { gain, stale } }: { view: SpeedView }) {
  if (!gain || stale) return null;
  const [low, high] = gain.ci95;
  const interval = `95 %: ${low.toFixed(2)} to ${high.toFixed(2)}`;
  if (gain.noise) {
    return (
      <p className={kit.bad} data-testid="speed-noise">
        Gain {gain.ratio.toFixed(2)} × ({interval}) may be noise: the runs differ more than the variants do. Use the paper’s protocol.
      </p>
    );
  }
  return (
    <p data-testid="speed-gain">
      Gain {gain.ratio.toFixed(2)} × ({interval}).
    </p>
  );
}

function Foretold({ view: { prediction, foretold } }: { view: SpeedView }) {
  if (prediction) {
    const { tokensPerSecond, fit } = prediction;
    return (
      <p className={css.predicted} data-testid="prediction">
        Predicted {formatRate(tokensPerSecond)} tok/s for this plan, from T = {ms(fit.a)} + {ms(fit.b)} × blocks ms.
      </p>
    );
  }
  if (!foretold) return null;
  return (
    <p className={css.predicted} data-testid="prediction">
      Predicted {formatRate(foretold.tokensPerSecond)}, {(Math.abs(foretold.error) * 100).toFixed(1)} % off.
    </p>
  );
}

const ms = (seconds: number) => (seconds * 1000).toPrecision(3);

function Failures({ view: { errors } }: { view: SpeedView }) {
  const all = (['original', 'pruned'] as const).flatMap((which) => (errors[which] ? [{ which, error: errors[which] }] : []));
  return all.map(({ which, error }) => (
    <p key={which} className={kit.bad} role="alert" data-testid={`speed-failed-${which}`}>
      The {which === 'original' ? 'original' : 'pruned model'} failed: {error.message} {error.hint}
    </p>
  ));
}

function Tools() {
  const running = useStudio((state) => state.speed.running !== null || state.speed.sweep.running !== null);
  const progress = useStudio((state) => state.speed.progress);
  const auto = useStudio((state) => state.speed.auto);
  const actions = useActions();
  return (
    <div className={kit.stack}>
      <div className={css.tools}>
        {running ? (
          <div className={css.running}>
            <JobProgress progress={progress} label="Measuring speed" />
            <button type="button" data-testid="speed-cancel" onClick={actions.stopMeasuring}>
              Cancel
            </button>
          </div>
        ) : (
          <>
            <CommandButton id="measure" label="Measure" testId="speed-measure" />
            <CommandButton id="measure-paper" label="Paper protocol" testId="speed-measure-paper" />
            <CommandButton id="sweep" label="Batches" testId="sweep" />
          </>
        )}
      </div>
      <label className={css.auto}>
        <input type="checkbox" checked={auto} data-testid="speed-auto" onChange={() => actions.setAutoMeasure(!auto)} /> Measure each
        settled plan by itself (quick)
      </label>
    </div>
  );
}
