// Finding a plan by its goal: the goal, the plans that were tried, the result.

import { useId, useState } from 'react';
import { goalObstacle, goalWords } from '../../state/goal/selectors.ts';
import type { GoalKind, GoalStep } from '../../state/goal/state.ts';
import { plural } from '../format.ts';
import { ErrorNotice } from '../kit/ErrorNotice.tsx';
import { JobProgress } from '../kit/JobProgress.tsx';
import kit from '../kit/kit.module.css';
import { useActions, useStudio } from '../studioContext.ts';
import css from './goal.module.css';

const KINDS: Record<GoalKind, { label: string; unit: string; scale: number }> = {
  speed: { label: 'at least', unit: 'tok/s', scale: 1 },
  file: { label: 'at most', unit: 'MB (size)', scale: 1e6 },
  device: { label: 'at most', unit: 'MB (device memory)', scale: 1e6 },
};

export function GoalSection() {
  const { steps, verdict, running, kind } = useStudio((state) => state.goal);
  return (
    <details className={css.budget} data-testid="budget">
      <summary>Find a plan by goal</summary>
      <Form />
      {running && <Running />}
      {steps.length > 0 && (
        <ol className={css.log} data-testid="budget-log">
          {steps.map((step) => (
            <li key={step.blocks} data-meets={step.meets ?? 'unknown'}>
              {inWords(kind, step)}
            </li>
          ))}
        </ol>
      )}
      {verdict && (
        <p className={css.verdict} data-testid="budget-verdict">
          {verdict}
        </p>
      )}
      <ErrorNotice place="goal" />
    </details>
  );
}

function Form() {
  const { kind, value: goal, running } = useStudio((state) => state.goal);
  const obstacle = useStudio(goalObstacle);
  const actions = useActions();
  const id = useId();
  const { scale } = KINDS[kind];
  const [typed, setTyped] = useState(goal === null ? '' : String(goal / scale));
  const [seen, setSeen] = useState(goal);
  const value = Number(typed);
  // Changed from elsewhere, as when another model is opened.
  if (goal !== seen) {
    setSeen(goal);
    if (goal !== numberOf(typed, scale)) setTyped(goal === null ? '' : String(goal / scale));
  }
  const valid = typed === '' || (Number.isFinite(value) && value > 0);
  const set = (text: string, nextScale: number) => {
    const next = numberOf(text, nextScale);
    setTyped(text);
    setSeen(next);
    actions.setGoal({ value: next });
  };
  return (
    <form
      className={css.form}
      onSubmit={(event) => {
        event.preventDefault();
        if (!running) void actions.findPlan();
      }}
    >
      <label htmlFor={`${id}-value`}>{KINDS[kind].label}</label>
      <input
        id={`${id}-value`}
        type="number"
        min="0"
        step="any"
        inputMode="decimal"
        value={typed}
        // Not disabled: Enter starts the search, and the focus stays.
        readOnly={running}
        aria-invalid={!valid}
        data-testid="budget-value"
        onChange={(event) => set(event.target.value, scale)}
      />
      <select
        aria-label="Kind of goal"
        value={kind}
        disabled={running}
        data-testid="budget-kind"
        onChange={(event) => {
          const next = event.target.value as GoalKind;
          actions.setGoal({ kind: next });
          set(typed, KINDS[next].scale);
        }}
      >
        {(Object.keys(KINDS) as GoalKind[]).map((one) => (
          <option key={one} value={one}>
            {KINDS[one].unit}
          </option>
        ))}
      </select>
      <button
        type="submit"
        aria-disabled={running || obstacle !== null}
        data-testid="budget-find"
        title={obstacle ?? undefined}
      >
        Find plan
      </button>
      <p className={css.why} role="status">
        {running || goal === null ? '' : obstacle}
      </p>
    </form>
  );
}

/** The number typed, in tokens/s or bytes, or null when it is not positive. */
function numberOf(text: string, scale: number): number | null {
  const value = Number(text);
  return text !== '' && Number.isFinite(value) && value > 0 ? value * scale : null;
}

function Running() {
  const progress = useStudio((state) => state.speed.progress);
  const actions = useActions();
  return (
    <div className={kit.row}>
      <JobProgress progress={progress} label="Measuring a plan" />
      <button type="button" data-testid="budget-cancel" onClick={actions.stopGoalSearch}>
        Cancel
      </button>
    </div>
  );
}

/** "without 6 blocks: predicted 310 tok/s, measured 288 tok/s, not enough". */
function inWords(kind: GoalKind, { blocks, estimated, measured, meets }: GoalStep): string {
  const words = [`without ${plural(blocks, 'block')}:`];
  if (estimated !== null) words.push(`predicted ${goalWords(kind, estimated)},`);
  if (measured === null) words.push('measuring…');
  else {
    const misses = kind === 'speed' ? 'not enough' : 'too much';
    words.push(`measured ${goalWords(kind, measured)}, ${meets ? 'enough' : misses}`);
  }
  return words.join(' ');
}
