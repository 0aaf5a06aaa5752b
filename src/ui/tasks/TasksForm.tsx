// What is to be answered, and by whom: tasks, rows, variants; what that takes; the button.

import { useEffect, useId } from 'react';
import { tasksSeconds } from '../../state/estimate/selectors.ts';
import {
  tasksEstimate,
  tasksObstacle,
  tasksRequest,
  tasksRequestKey,
  taskVariants,
} from '../../state/tasks/selectors.ts';
import { SUBSET_ROWS } from '../../state/tasks/state.ts';
import { costWords, TASK_FIELDS, TASKS_PANEL } from '../../words/comparison/tasks.ts';
import { aboutSeconds } from '../../words/duration.ts';
import { CommandButton } from '../kit/CommandButton.tsx';
import { Field } from '../kit/Field.tsx';
import kit from '../kit/kit.module.css';
import { WholeNumber } from '../kit/WholeNumber.tsx';
import settings from '../kit/workspace/settings.module.css';
import { useActions, useStudio } from '../studioContext.ts';
import { TaskFiles } from './TaskFiles.tsx';
import css from './tasks.module.css';
import { useVariantNames } from './useVariantNames.ts';

export function TasksForm() {
  const hint = useId();
  return (
    <form
      className={kit.stack}
      aria-label={TASKS_PANEL.form}
      onSubmit={(event) => event.preventDefault()}
    >
      <TaskFiles />
      <Rows />
      <Variants />
      <div className={kit.row}>
        <CommandButton
          id="tasks"
          label={TASKS_PANEL.start}
          testId="tasks-start"
          describedBy={hint}
        />
        <div id={hint} className={`${settings.needs} ${kit.sub}`} data-testid="tasks-needs">
          <Needs />
        </div>
      </div>
    </form>
  );
}

/** A number of rows that no file has. */
const MOST_ROWS = 1_000_000;

function Rows() {
  const { limit, seed } = useStudio((state) => state.tasks.form);
  const actions = useActions();
  const choice = (value: number | null, label: string, testId: string) => (
    <label>
      <input
        type="radio"
        name="task-rows"
        checked={value === null ? limit === null : limit !== null}
        data-testid={testId}
        onChange={() => actions.setTasks({ limit: value })}
      />{' '}
      {label}
    </label>
  );
  return (
    <fieldset className={kit.field}>
      <legend>{TASK_FIELDS.rows}</legend>
      <div className={css.choices}>
        {choice(limit ?? SUBSET_ROWS, TASK_FIELDS.subset, 'tasks-subset')}
        {limit !== null && (
          <>
            <Field label={TASK_FIELDS.number}>
              {(id) => (
                <WholeNumber
                  id={id}
                  value={limit}
                  min={1}
                  max={MOST_ROWS}
                  testId="tasks-limit"
                  onChange={(next) => actions.setTasks({ limit: next })}
                />
              )}
            </Field>
            <Field label={TASK_FIELDS.seed}>
              {(id) => (
                <WholeNumber
                  id={id}
                  value={seed}
                  min={0}
                  max={2 ** 32 - 1}
                  testId="tasks-seed"
                  onChange={(next) => actions.setTasks({ seed: next })}
                />
              )}
            </Field>
          </>
        )}
        {choice(null, TASK_FIELDS.all, 'tasks-all')}
      </div>
    </fieldset>
  );
}

function Variants() {
  const variants = useStudio(taskVariants);
  const leftOut = useStudio((state) => state.tasks.form.leftOutKinds);
  const names = useVariantNames(variants);
  const actions = useActions();
  return (
    <fieldset className={kit.field}>
      <legend>{TASK_FIELDS.variants}</legend>
      <div className={kit.choices}>
        {variants.map(({ kind }, at) => (
          <label key={kind}>
            <input
              type="checkbox"
              checked={!leftOut.includes(kind)}
              data-testid={`tasks-variant-${kind}`}
              onChange={({ target }) =>
                actions.setTasks({
                  leftOutKinds: target.checked
                    ? leftOut.filter((one) => one !== kind)
                    : [...leftOut, kind],
                })
              }
            />{' '}
            {names[at]}
          </label>
        ))}
      </div>
      {variants.length === 1 && <p className={kit.sub}>{TASK_FIELDS.onlyOriginal}</p>}
    </fieldset>
  );
}

/** What it takes, or why it cannot be run. */
function Needs() {
  const obstacle = useStudio(tasksObstacle);
  const key = useStudio(tasksRequestKey);
  const isOpen = useStudio((state) => state.model.current?.hasTokenizer ?? false);
  const request = useStudio(tasksRequest);
  const estimate = useStudio(tasksEstimate);
  const seconds = useStudio(tasksSeconds);
  const actions = useActions();
  useEffect(() => {
    if (key !== null && isOpen) void actions.estimateTasks();
  }, [key, isOpen, actions]);
  if (obstacle !== null) return obstacle;
  if (!estimate || !request) return null;
  const { run, unshared } = estimate.tokens;
  return costWords({
    rows: estimate.rows,
    variants: request.variants.length,
    tokens: run,
    shared: 1 - run / Math.max(1, unshared),
    time: seconds && aboutSeconds(seconds),
  });
}
