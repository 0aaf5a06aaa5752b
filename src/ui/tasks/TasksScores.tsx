// The scores of all variants, task by task: accuracy with its standard error, the difference from
// the first variant with its interval, the mean.

import type { TaskResult, TasksResult } from '../../contract/comparison/tasks.ts';
import { deviceName } from '../../state/device/selectors.ts';
import { keyOfVariant, taskLabel } from '../../state/tasks/names.ts';
import { isStaleTasks, outcomeOf, tasksShown } from '../../state/tasks/selectors.ts';
import { areTheSeven, taskOf } from '../../tasks/table.ts';
import { TASK_RESULT, TASKS_PANEL, tasksRunWords } from '../../words/comparison/tasks.ts';
import { formatSeconds } from '../format.ts';
import { CommandButton } from '../kit/CommandButton.tsx';
import { DataTable } from '../kit/DataTable.tsx';
import kit from '../kit/kit.module.css';
import { Scroll } from '../kit/Scroll.tsx';
import { Term } from '../kit/Term.tsx';
import { useStudio } from '../studioContext.ts';
import { differenceWords, scoreWords } from './taskFigures.ts';
import css from './tasks.module.css';
import { useVariantNames } from './useVariantNames.ts';

export function TasksScores() {
  const shown = useStudio(tasksShown);
  const stale = useStudio(isStaleTasks);
  if (!shown) return null;
  const { result, state, notes } = shown;
  const { tasks, settings, device, seconds, warnings } = result;
  const isSubset = tasks.some(({ outcomes }) => outcomes.some(({ rows, total }) => rows < total));
  return (
    <div className={kit.stack} data-testid="tasks-result" data-state={state}>
      {stale && (
        <div className={kit.row}>
          <p className={css.mark}>{TASK_RESULT.stale}</p>
          {state !== 'running' && <CommandButton id="tasks" label={TASKS_PANEL.start} />}
        </div>
      )}
      {state !== 'whole' && (
        <p className={css.mark} data-testid="tasks-partial">
          {state === 'running' ? TASK_RESULT.soFar : TASK_RESULT.stopped}
        </p>
      )}
      <Scroll label={TASK_RESULT.caption} className={css.scroll}>
        <Scores result={result} />
      </Scroll>
      <p className={kit.sub}>
        {result.variants.length > 1 && TASK_RESULT.explained}{' '}
        <Term id="zeroShot">{TASK_RESULT.zeroShotTerm}</Term>,{' '}
        <Term id="accNorm">{TASK_RESULT.metrics.accNorm}</Term>
      </p>
      <p className={kit.sub} data-testid="tasks-how">
        {tasksRunWords({ ...settings, tokens: result.tokens })} {deviceName(device)},{' '}
        {formatSeconds(seconds)}. {isSubset && state === 'whole' && TASK_RESULT.ofSubset}{' '}
        {notes.filter((note) => !warnings.includes(note)).join(' ')}
      </p>
      {tasks.some(({ source }) => source.builtIn) && (
        <p className={css.mark} data-testid="tasks-built-in-note">
          {TASK_RESULT.builtIn}
        </p>
      )}
      {[...new Set(warnings)].map((warning) => (
        <p key={warning} className={css.mark} data-testid="tasks-warning">
          {warning}
        </p>
      ))}
    </div>
  );
}

function Scores({ result }: { result: TasksResult }) {
  const { variants, tasks } = result;
  const names = useVariantNames(variants);
  const keys = variants.map(keyOfVariant);
  const columns = [
    { key: 'task', title: TASK_RESULT.task, text: true },
    ...names.map((title, at) => ({ key: keys[at] ?? title, title })),
  ];
  return (
    <DataTable
      testId="tasks-table"
      caption={TASK_RESULT.caption}
      captionHidden
      className={css.scores}
      columns={columns}
    >
      {tasks.map((task) => (
        <Task key={task.task} task={task} keys={keys} />
      ))}
      {tasks.length > 1 && <Mean result={result} keys={keys} />}
    </DataTable>
  );
}

/** A task in its own metric, and in the other one where it has both. */
function Task({ task, keys }: { task: TaskResult; keys: readonly string[] }) {
  const { metric } = task;
  const { hasAccNorm } = taskOf(task.task);
  const other = metric === 'acc' ? 'accNorm' : 'acc';
  return (
    <>
      <Row task={task} metric={metric} keys={keys} />
      {hasAccNorm && <Row task={task} metric={other} keys={keys} isOther />}
    </>
  );
}

interface RowProps {
  task: TaskResult;
  metric: TaskResult['metric'];
  /** Of the variants. */
  keys: readonly string[];
  /** Not the metric that the mean takes. */
  isOther?: boolean;
}

function Row({ task, metric, keys, isOther = false }: RowProps) {
  const rows = Math.max(0, ...task.outcomes.map((one) => one.rows));
  const cells = keys.map((key, at) => {
    const outcome = outcomeOf(task, at);
    if (!outcome) return <td key={key}>–</td>;
    const { acc, accStderr, accNorm, accNormStderr, difference } = outcome;
    return (
      <td key={key} data-testid={`tasks-${task.task}-${metric}-${at}`}>
        {metric === 'acc' ? scoreWords(acc, accStderr) : scoreWords(accNorm, accNormStderr)}
        {outcome.rows < rows && !isOther && <small>{TASK_RESULT.ofRows(outcome.rows)}</small>}
        {difference && !isOther && <small>{differenceWords(difference)}</small>}
      </td>
    );
  });
  return (
    <tr className={isOther ? css.other : undefined}>
      <th scope="row">
        {isOther ? (
          <span>{TASK_RESULT.metrics[metric]}</span>
        ) : (
          <>
            {taskLabel(task.task)}
            <small>
              {TASK_RESULT.metrics[metric]}, {TASK_RESULT.subset(rows, task.rows)}
            </small>
          </>
        )}
      </th>
      {cells}
    </tr>
  );
}

function Mean({ result, keys }: { result: TasksResult; keys: readonly string[] }) {
  const { tasks, means, meanDifferences } = result;
  const isOfSeven = areTheSeven(tasks.map(({ task }) => task));
  return (
    <tr className={css.mean} data-testid="tasks-mean">
      <th scope="row">{isOfSeven ? TASK_RESULT.meanOfSeven : TASK_RESULT.meanOf(tasks.length)}</th>
      {keys.map((key, at) => (
        <td key={key} data-testid={`tasks-mean-${at}`}>
          {scoreWords(means[at] ?? null, null)}
          {meanDifferences[at] && <small>{differenceWords(meanDifferences[at])}</small>}
        </td>
      ))}
    </tr>
  );
}
