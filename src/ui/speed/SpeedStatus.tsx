// How the speed was measured, whether the gain may be noise, what was predicted, what failed.

import { formatBySpread, formatGain, formatGainSpread, formatSpread } from '../../spread.ts';
import { runsPlan, type SpeedView, speedView } from '../../state/speed/selectors.ts';
import { TIMES } from '../../state/speed/time.ts';
import {
  failedWords,
  gainWords,
  lineWords,
  measuredBy,
  noiseWords,
  outsideWords,
  partedWords,
  pooledWords,
  predictedWords,
  SPEED,
  staleWords,
} from '../../words/speed.ts';
import { withTime } from '../../words/speedSummary.ts';
import { CommandButton } from '../kit/CommandButton.tsx';
import kit from '../kit/kit.module.css';
import { Term } from '../kit/Term.tsx';
import { useStudio } from '../studioContext.ts';
import css from './speed.module.css';

export function SpeedStatus() {
  const view = useStudio(speedView);
  const hasPlan = useStudio(runsPlan);
  const live = useStudio((state) => state.speed.notes);
  const notes = live.length ? live : view.notes;
  return (
    <div>
      <div className={css.status} data-testid="speed-status">
        {view.protocol ? (
          <p data-testid="speed-protocol">
            <Term id="protocol">{SPEED.protocol}</Term>:{' '}
            {measuredBy(view.protocol, view.devices, view.cache)}
          </p>
        ) : (
          <p>{SPEED.none}</p>
        )}
        {view.stale && <p>{staleWords(view.staleWords)}</p>}
        {hasPlan && <Gain view={view} />}
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
    </div>
  );
}

function Gain({ view: { gain, gains, stale, mode } }: { view: SpeedView }) {
  if (!gain || stale) return null;
  const shown = formatGainSpread(gain.ratio, gain.ci95);
  return (
    <>
      {gain.noise ? (
        <p className={kit.bad} data-testid="speed-noise">
          {noiseWords(shown)} {mode === 'quick' && SPEED.paperSteadier}
        </p>
      ) : (
        <p data-testid="speed-gain">
          <Term id="paired">{SPEED.paired}</Term> {gainWords(shown)}
        </p>
      )}
      {gains.length > 1 && (
        <p data-testid="speed-pooled">
          {pooledWords(gains.map(({ ratio, ci95 }) => formatGain(ratio, ci95)))}
        </p>
      )}
    </>
  );
}

function Predicted({ view }: { view: SpeedView }) {
  const { prediction, predicted, parted } = view;
  if (prediction) {
    const { tokensPerSecond, gain, fit, blocks } = prediction;
    const beyond = blocks < fit.blocks[0] || blocks > fit.blocks[1];
    return (
      <p className={css.predicted} data-testid="prediction">
        {predictedWords(rate(tokensPerSecond), `${gain.toFixed(2)} ×`)}{' '}
        {lineWords(ms(fit.a), ms(fit.b))}
        {beyond && outsideWords(...fit.blocks)}.
      </p>
    );
  }
  if (!predicted) return null;
  if (parted) return <Parted view={view} predicted={predicted.tokensPerSecond} />;
  return (
    <p className={css.predicted} data-testid="prediction">
      {predictedWords(rate(predicted.tokensPerSecond))}
    </p>
  );
}

/** Prediction and measurement contradict each other: said plainly, with the way to find out. */
function Parted({ view: { pruned, gains }, predicted }: { view: SpeedView; predicted: number }) {
  const needed = useStudio(TIMES.quick);
  if (!pruned) return null;
  const { mean, min, max } = pruned.speed.throughput;
  return (
    <div className={kit.callout} data-testid="speed-parted">
      <p>
        {partedWords(
          formatSpread(mean, [min, max], 'tok/s'),
          `${rate(predicted)} tok/s`,
          Math.max(1, gains.length),
        )}
      </p>
      <CommandButton
        id="measure"
        label={withTime(SPEED.again, needed)}
        testId="speed-measure-again"
      />
    </div>
  );
}

/** A predicted rate has no spread of its own. */
const rate = (value: number) => formatBySpread(value, [value, value]);

const ms = (seconds: number) => (seconds * 1000).toPrecision(3).replace('-', '−');

function Failures({ view: { errors } }: { view: SpeedView }) {
  const all = (['original', 'pruned'] as const).flatMap((which) =>
    errors[which] ? [{ which, error: errors[which] }] : [],
  );
  return all.map(({ which, error }) => (
    <p key={which} className={kit.bad} role="alert" data-testid={`speed-failed-${which}`}>
      {failedWords(which, error.message, error.hint)}
    </p>
  ));
}
