// A healing while it runs: how far it is, its losses, pause, stop, cancel.

import { trainingCurve } from '../../state/heal/selectors.ts';
import { IMPORTANCE } from '../../words/choose.ts';
import { HEAL, LOSSES, stepOf } from '../../words/heal.ts';
import { CommandButton } from '../kit/CommandButton.tsx';
import { JobProgress } from '../kit/JobProgress.tsx';
import kit from '../kit/kit.module.css';
import { NotifySwitch } from '../kit/NotifySwitch.tsx';
import { useActions, useStudio } from '../studioContext.ts';
import { HealLosses } from './HealLosses.tsx';

export function HealRunning() {
  const running = useStudio((state) => state.heal.running);
  if (!running) return null;
  return (
    <section className={kit.stack} aria-label={HEAL.running} data-testid="heal-running">
      <Tools />
      <Losses />
      {running.notes.map((note) => (
        <p key={note} className={kit.sub}>
          {note}
        </p>
      ))}
    </section>
  );
}

function Tools() {
  const { running, paused, progress } = useStudio((state) => state.heal);
  const actions = useActions();
  if (!running) return null;
  const { steps, losses, stopping, controlOf } = running;
  const trains = steps > 0;
  return (
    <>
      {controlOf !== null && <p>{HEAL.controlRuns}</p>}
      <div className={kit.row}>
        <div className={kit.grow}>
          {paused ? (
            <span className={kit.sub}>{HEAL.paused}</span>
          ) : (
            <JobProgress
              progress={progress}
              label={HEAL.running}
              at={trains && losses.length > 0 ? stepOf(losses.at(-1)!.step, steps) : undefined}
            />
          )}
        </div>
        <NotifySwitch label={IMPORTANCE.notify} />
      </div>
      <div className={kit.row}>
        {trains && (
          <>
            <button
              type="button"
              data-testid="heal-pause"
              onClick={() => actions.pauseHealing(!paused)}
            >
              {paused ? HEAL.continue : HEAL.pause}
            </button>
            {controlOf === null && (
              <button
                type="button"
                aria-disabled={stopping || losses.length === 0}
                data-testid="heal-stop"
                onClick={() => !stopping && losses.length > 0 && actions.stopHealing()}
              >
                {stopping ? HEAL.stopping : HEAL.stop}
              </button>
            )}
          </>
        )}
        <CommandButton id="cancel" testId="heal-cancel" />
      </div>
    </>
  );
}

function Losses() {
  const curve = useStudio(trainingCurve);
  if (!curve?.running || curve.steps === 0) return null;
  const { losses, heldOut, steps } = curve;
  if (losses.length === 0 && heldOut.length === 0)
    return <p className={kit.sub}>{LOSSES.waiting}</p>;
  return (
    <HealLosses
      steps={steps}
      training={losses.map(({ loss }) => loss)}
      heldOut={heldOut}
      kept={null}
    />
  );
}
