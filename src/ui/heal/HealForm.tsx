// How to heal: method, text, strength; what it takes; the button.

import { useId } from 'react';
import { formatBytes } from '../../quantities.ts';
import { healEstimate, healObstacle, healProblems } from '../../state/heal/selectors.ts';
import { aboutSeconds } from '../../words/duration.ts';
import { ESTIMATE, HEAL } from '../../words/heal.ts';
import { formatCount } from '../format.ts';
import { CommandButton } from '../kit/CommandButton.tsx';
import kit from '../kit/kit.module.css';
import settings from '../kit/workspace/settings.module.css';
import { memoryInAll } from '../memoryWords.ts';
import { useActions, useStudio } from '../studioContext.ts';
import { HealText } from './HealText.tsx';
import { MethodChoice, mainMethod } from './MethodChoice.tsx';
import { RefitAll, RefitFields } from './RefitFields.tsx';
import { RefitFirst, Strength, TrainFields } from './TrainFields.tsx';

export function HealForm() {
  const methods = useStudio((state) => state.heal.form.methods);
  const hint = useId();
  const trains = mainMethod(methods) !== 'refit';
  return (
    <form className={kit.stack} aria-label={HEAL.form} onSubmit={(event) => event.preventDefault()}>
      <MethodChoice />
      <HealText />
      {trains && <Strength />}
      <div className={kit.row}>
        {trains && <RefitFirst />}
        {methods.includes('refit') && <RefitAll />}
      </div>
      {methods.includes('refit') && !trains && <RefitFields />}
      {trains && <TrainFields />}
      <div className={kit.row}>
        <CommandButton id="heal" label={HEAL.start} testId="heal-start" describedBy={hint} />
        <div id={hint} className={settings.needs} data-testid="heal-needs">
          <Needs />
        </div>
      </div>
    </form>
  );
}

/** Why it cannot start, else memory and time: measured, where that was asked for. */
function Needs() {
  const obstacle = useStudio(healObstacle);
  const problems = useStudio(healProblems);
  const { value, error, running, stale } = useStudio(healEstimate);
  const actions = useActions();
  if (problems.size > 0) return <span className={kit.bad}>{[...problems.values()].join(' ')}</span>;
  if (obstacle !== null) return <span className={kit.sub}>{obstacle}</span>;
  if (running) return <span className={kit.sub}>{ESTIMATE.running}</span>;
  if (error !== null && !stale) return <span className={kit.bad}>{error}</span>;
  if (!value || stale)
    return (
      <button
        type="button"
        className={kit.asLink}
        data-testid="heal-estimate"
        onClick={() => void actions.estimateHeal()}
      >
        {ESTIMATE.ask}
      </button>
    );
  const { seconds, memory, parameters, bytes, notes } = value;
  return (
    <span className={kit.sub} data-testid="heal-estimated">
      {seconds !== null && <b>{ESTIMATE.takes(aboutSeconds({ low: seconds, high: seconds }))} </b>}
      {memoryInAll(memory)} {ESTIMATE.changes(formatCount(parameters), formatBytes(bytes))}{' '}
      {notes.join(' ')}
    </span>
  );
}
