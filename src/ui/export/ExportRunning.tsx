// An export while it runs: its steps, the one that runs with how far it is, and the time.

import { useEffect, useState } from 'react';
import type { ExportStep, Progress } from '../../contract/progress.ts';
import { formatBytes, plural } from '../../quantities.ts';
import { type ExportEstimate, exportEstimate } from '../../state/export/estimate.ts';
import { EXPORT, elapsedOf, STEPS } from '../../words/dialogs/export.ts';
import { formatSeconds } from '../format.ts';
import kit from '../kit/kit.module.css';
import { useActions, useStudio } from '../studioContext.ts';
import css from './export.module.css';
import { secondsWords } from './secondsWords.ts';

const ORDER = Object.keys(STEPS) as ExportStep[];

/** Steps that only some exports have are listed when they run. */
const RARE: readonly ExportStep[] = ['parts'];

export function ExportRunning() {
  const progress = useStudio((state) => state.export.progress);
  const canScore = useStudio((state) => state.model.current?.summary.canScore ?? false);
  const estimate = useStudio(exportEstimate);
  const actions = useActions();
  const now = progress?.step ?? 'source';
  const at = ORDER.indexOf(now);
  const shown = ORDER.filter(
    (step) => step === now || (!RARE.includes(step) && (canScore || step !== 'expect')),
  );
  return (
    <div className={kit.stack}>
      <ol className={css.steps} aria-label={EXPORT.steps} data-testid="export-steps">
        {shown.map((step) => {
          const isNow = step === now;
          const isDone = ORDER.indexOf(step) < at;
          return (
            <li
              key={step}
              className={isNow ? css.now : undefined}
              aria-current={isNow ? 'step' : undefined}
            >
              <span className={css.sign} aria-hidden="true">
                {isDone && '✓'}
                {isNow && '▸'}
              </span>
              <span>
                {STEPS[step]}
                {isNow && <Amount progress={progress} />}
              </span>
            </li>
          );
        })}
      </ol>
      <Time estimate={estimate} />
      <div className={kit.row}>
        <button type="button" data-testid="export-cancel" onClick={() => void actions.cancel()}>
          {EXPORT.cancel}
        </button>
      </div>
    </div>
  );
}

/** Without a known amount the bar only shows that something happens. */
function Amount({ progress }: { progress: Progress | null }) {
  const { done = 0, total = 0, unit, secondsLeft = null } = progress ?? {};
  const known = unit === 'bytes' || unit === 'blocks';
  if (!known || total === 0)
    return <progress className={css.bar} aria-label={EXPORT.running} data-testid="progress" />;
  return (
    <span className={css.amount} data-testid="progress">
      <progress className={css.bar} aria-label={EXPORT.running} max={total} value={done} />{' '}
      {unit === 'bytes'
        ? `${formatBytes(done)} of ${formatBytes(total)}`
        : `${done} of ${plural(total, 'block')}`}
      {secondsLeft !== null && `, ${formatSeconds(secondsLeft)} left`}
    </span>
  );
}

function Time({ estimate: { seconds } }: { estimate: ExportEstimate }) {
  const [elapsed, setElapsed] = useState(0);
  useEffect(() => {
    const started = performance.now();
    const timer = setInterval(() => setElapsed((performance.now() - started) / 1000), 1000);
    return () => clearInterval(timer);
  }, []);
  if (!seconds) return null;
  const whole = Math.round(elapsed);
  const spent = whole < 10 ? `${whole} s` : formatSeconds(whole);
  return <p className={kit.note}>{elapsedOf(spent, secondsWords(seconds))}</p>;
}
