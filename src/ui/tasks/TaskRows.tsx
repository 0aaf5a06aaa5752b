// The rows of a task as they are read: the context, the choices, which one is right and who chose
// which; five to a page.

import { useEffect } from 'react';
import { taskLabel } from '../../state/tasks/names.ts';
import {
  type AnsweredRow,
  chosenOf,
  differentRows,
  holdsRows,
  type ReadRows,
  rowsRead,
} from '../../state/tasks/selectors.ts';
import { TASK_ROWS } from '../../words/comparison/tasks.ts';
import { Field } from '../kit/Field.tsx';
import kit from '../kit/kit.module.css';
import { useActions, useStudio } from '../studioContext.ts';
import css from './tasks.module.css';
import { useVariantNames } from './useVariantNames.ts';

export function TaskRows() {
  const read = useStudio(rowsRead);
  return (
    <div className={kit.stack}>
      <Which read={read} />
      {read ? <Rows read={read} /> : <p className={kit.sub}>{TASK_ROWS.notKept}</p>}
    </div>
  );
}

function Which({ read }: { read: ReadRows | null }) {
  const tasks = useStudio(differentRows);
  const { task, which } = useStudio((state) => state.tasks.reading);
  const actions = useActions();
  return (
    <div className={css.choices}>
      <Field label={TASK_ROWS.task}>
        {(id) => (
          <select
            id={id}
            value={read?.task.task ?? task ?? ''}
            data-testid="tasks-read"
            onChange={({ target }) => actions.readRows({ task: target.value })}
          >
            {tasks.map(({ task: name, count }) => (
              <option key={name} value={name}>
                {TASK_ROWS.option(taskLabel(name), count)}
              </option>
            ))}
          </select>
        )}
      </Field>
      <Field label={TASK_ROWS.which}>
        {(id) => (
          <select
            id={id}
            value={which}
            data-testid="tasks-which"
            onChange={({ target }) =>
              actions.readRows({ which: target.value === 'all' ? 'all' : 'different' })
            }
          >
            <option value="different">{TASK_ROWS.different(read?.different ?? 0)}</option>
            <option value="all">{TASK_ROWS.all}</option>
          </select>
        )}
      </Field>
    </div>
  );
}

function Rows({ read }: { read: ReadRows }) {
  const held = useStudio((state) => holdsRows(state, read.task));
  const names = useVariantNames(read.variants);
  const actions = useActions();
  const waiting = held && read.rows.some(({ row }) => row === null);
  const docs = read.rows.map(({ doc }) => doc).join();
  // biome-ignore lint/correctness/useExhaustiveDependencies: other rows are fetched anew
  useEffect(() => {
    if (waiting) void actions.fetchRows();
  }, [waiting, docs, read.task.sha256, actions]);
  if (read.count === 0)
    return (
      <p className={kit.sub} data-testid="tasks-none-different">
        {read.variants.length > 1 ? TASK_ROWS.noneDifferent : TASK_ROWS.oneVariant}
      </p>
    );
  return (
    <>
      {!held && <p className={css.mark}>{TASK_ROWS.notHere(taskLabel(read.task.task))}</p>}
      <ol className={css.rows}>
        {read.rows.map((row) => (
          <Row key={row.doc} row={row} read={read} names={names} />
        ))}
      </ol>
      {read.pages > 1 && <Pages read={read} />}
    </>
  );
}

function Row({ row, read, names }: { row: AnsweredRow; read: ReadRows; names: string[] }) {
  const { doc, target, answers, row: asked } = row;
  const { task } = read;
  const whoChose = (choice: number) =>
    names.filter((_, at) => {
      const item = answers[at];
      return item && chosenOf(task, item) === choice;
    });
  const right = whoChose(target);
  const count = asked?.choices.length ?? answers.find((one) => one)?.choices.length ?? 0;
  const unanswered = names.filter((_, at) => {
    const item = answers[at];
    return item && chosenOf(task, item) < 0;
  });
  return (
    <li data-testid={`tasks-row-${doc}`}>
      <h3>
        {TASK_ROWS.row(doc)}{' '}
        <small>{right.length > 0 ? TASK_ROWS.rightIs(right) : TASK_ROWS.noneRight}</small>
      </h3>
      {typeof asked?.context === 'string' && <p className={css.context}>{asked.context}</p>}
      <ul className={css.answers}>
        {Array.from({ length: count }, (_, choice) => {
          const chosenBy = whoChose(choice);
          return (
            // biome-ignore lint/suspicious/noArrayIndexKey: choices have no other name
            <li key={choice} data-right={choice === target}>
              <span>{asked ? choiceText(asked, choice) : TASK_ROWS.choice(choice)}</span>
              {choice === target && <b>{TASK_ROWS.rightAnswer}</b>}
              {chosenBy.length > 0 && <em>{TASK_ROWS.chosenBy(chosenBy)}</em>}
            </li>
          );
        })}
      </ul>
      {unanswered.length > 0 && <p className={css.mark}>{TASK_ROWS.noAnswer(unanswered)}</p>}
    </li>
  );
}

/** A choice; where each has a context of its own, with it. */
function choiceText(
  { context, continuations, choices }: NonNullable<AnsweredRow['row']>,
  at: number,
) {
  return typeof context === 'string'
    ? choices[at]
    : `${context[at] ?? ''}${continuations[at] ?? ''}`;
}

function Pages({ read: { page, pages } }: { read: ReadRows }) {
  const actions = useActions();
  return (
    <div className={kit.row}>
      <button
        type="button"
        data-testid="tasks-previous"
        disabled={page === 0}
        onClick={() => actions.readRows({ page: page - 1 })}
      >
        {TASK_ROWS.previous}
      </button>
      <span className={kit.sub}>{TASK_ROWS.page(page, pages)}</span>
      <button
        type="button"
        data-testid="tasks-next"
        disabled={page + 1 >= pages}
        onClick={() => actions.readRows({ page: page + 1 })}
      >
        {TASK_ROWS.next}
      </button>
    </div>
  );
}
