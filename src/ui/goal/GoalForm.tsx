// The goal as one sentence, what it will take, and the button that looks for a plan.

import { useId, useState } from 'react';
import { goalCost, goalObstacle } from '../../state/goal/selectors.ts';
import { FORM, type GoalKind } from '../../words/goal.ts';
import { CommandButton } from '../kit/CommandButton.tsx';
import { DecimalNumber } from '../kit/DecimalNumber.tsx';
import kit from '../kit/kit.module.css';
import { OptionalNumber } from '../kit/OptionalNumber.tsx';
import { Term } from '../kit/Term.tsx';
import { useActions, useCommand, useStudio } from '../studioContext.ts';
import css from './goal.module.css';
import { ScoreOn } from './ScoreOn.tsx';

const KINDS = Object.keys(FORM.kinds) as GoalKind[];

/** Bytes are typed in MB. */
const SCALE: Record<GoalKind, number> = { faster: 1, smaller: 1, size: 1e6, memory: 1e6, speed: 1 };

export function GoalForm() {
  const running = useStudio((state) => state.goal.running);
  const find = useCommand('find-plan');
  const actions = useActions();
  return (
    <form
      className={css.form}
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        find.run();
      }}
    >
      <fieldset className={css.sentence} disabled={running}>
        <legend className={kit.hidden}>{FORM.title}</legend>
        <Target />
        <Bound />
        <Refits />
      </fieldset>
      <ScoreOn />
      <div className={css.start}>
        {running ? (
          <button type="button" data-testid="goal-cancel" onClick={actions.stopGoalSearch}>
            {FORM.cancel}
          </button>
        ) : (
          <CommandButton id="find-plan" label={FORM.find} testId="goal-find" />
        )}
        <Hint />
      </div>
    </form>
  );
}

function Target() {
  const { kind, value } = useStudio((state) => state.goal);
  const actions = useActions();
  const id = useId();
  return (
    <span className={css.words}>
      <label htmlFor={id}>{FORM.lead}</label>
      <OptionalNumber
        id={id}
        value={value === null ? null : value / SCALE[kind]}
        placeholder={FORM.placeholder}
        testId="goal-value"
        onChange={(typed) => actions.setGoal({ value: typed && typed * SCALE[kind] })}
      />
      <select
        aria-label={FORM.kind}
        value={kind}
        data-testid="goal-kind"
        onChange={(event) => actions.setGoal({ kind: event.target.value as GoalKind })}
      >
        {KINDS.map((one) => (
          <option key={one} value={one}>
            {FORM.kinds[one]}
          </option>
        ))}
      </select>
    </span>
  );
}

function Bound() {
  const maxRise = useStudio((state) => state.goal.maxRise);
  const [last, setLast] = useState(maxRise ?? 0.1);
  const actions = useActions();
  const id = useId();
  const isOn = maxRise !== null;
  return (
    <span className={css.words}>
      <label>
        <input
          type="checkbox"
          id={`${id}-on`}
          aria-label={FORM.boundOn}
          checked={isOn}
          data-testid="goal-bound-on"
          onChange={(event) => actions.setGoal({ maxRise: event.target.checked ? last : null })}
        />
      </label>
      <span>
        {FORM.boundBefore} <Term id="perplexity">{FORM.perplexity}</Term> {FORM.boundAfter}
      </span>
      <label htmlFor={id} className={kit.hidden}>
        {FORM.boundValue}
      </label>
      <DecimalNumber
        id={id}
        value={Math.round(1000 * (maxRise ?? last)) / 10}
        min={0}
        max={1000}
        step={1}
        disabled={!isOn}
        testId="goal-bound"
        onChange={(percent) => {
          setLast(percent / 100);
          actions.setGoal({ maxRise: percent / 100 });
        }}
      />
      <span>{FORM.boundUnit}</span>
    </span>
  );
}

/** Whether perplexity may count after a refit. */
function Refits() {
  const { refits, maxRise } = useStudio((state) => state.goal);
  const actions = useActions();
  if (maxRise === null) return null;
  return (
    <label className={css.words}>
      <input
        type="checkbox"
        checked={refits}
        data-testid="goal-refits"
        onChange={(event) => actions.setGoal({ refits: event.target.checked })}
      />
      <span>{FORM.refits}</span>
    </label>
  );
}

/** Why it cannot start, else how long it will take. */
function Hint() {
  const running = useStudio((state) => state.goal.running);
  const obstacle = useStudio(goalObstacle);
  const cost = useStudio(goalCost);
  if (running) return null;
  return (
    <span className={kit.sub} data-testid="goal-hint">
      {obstacle ?? cost}
    </span>
  );
}
