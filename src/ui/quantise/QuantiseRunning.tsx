// A quantisation while it runs: how far it is, pause, cancel; its matrices are beside it.

import { IMPORTANCE } from '../../words/choose.ts';
import { QUANTISE } from '../../words/quantise.ts';
import { CommandButton } from '../kit/CommandButton.tsx';
import { JobProgress } from '../kit/JobProgress.tsx';
import kit from '../kit/kit.module.css';
import { NotifySwitch } from '../kit/NotifySwitch.tsx';
import { useActions, useStudio } from '../studioContext.ts';

export function QuantiseRunning() {
  const { running, paused, progress } = useStudio((state) => state.quantise);
  const actions = useActions();
  if (!running) return null;
  return (
    <section className={kit.stack} aria-label={QUANTISE.running} data-testid="quantise-running">
      <div className={kit.row}>
        <div className={kit.grow}>
          {paused ? (
            <span className={kit.sub}>{QUANTISE.paused}</span>
          ) : (
            <JobProgress progress={progress} label={QUANTISE.running} />
          )}
        </div>
        <NotifySwitch label={IMPORTANCE.notify} />
      </div>
      <div className={kit.row}>
        <button
          type="button"
          data-testid="quantise-pause"
          onClick={() => actions.pauseQuantise(!paused)}
        >
          {paused ? QUANTISE.continue : QUANTISE.pause}
        </button>
        <CommandButton id="cancel" testId="quantise-cancel" />
      </div>
      {running.notes.map((note) => (
        <p key={note} className={kit.sub}>
          {note}
        </p>
      ))}
    </section>
  );
}
