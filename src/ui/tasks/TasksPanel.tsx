// Zero-shot tasks: the rows and what is to answer them, the scores, and the rows themselves.

import { tasksShown } from '../../state/tasks/selectors.ts';
import { TASK_RESULT, TASK_ROWS, TASKS_PANEL } from '../../words/comparison/tasks.ts';
import { InterruptedCards } from '../interrupted/InterruptedCard.tsx';
import { ErrorNotice } from '../kit/ErrorNotice.tsx';
import kit from '../kit/kit.module.css';
import { Panel } from '../kit/Panel.tsx';
import { useStudio } from '../studioContext.ts';
import { EarlierRuns } from './EarlierRuns.tsx';
import { TaskRows } from './TaskRows.tsx';
import { TasksForm } from './TasksForm.tsx';
import { TasksRunning } from './TasksRunning.tsx';
import { TasksScores } from './TasksScores.tsx';

/**
 * What came of a run, and the rows that it was about, stand before the form for the next one; what
 * runs stands where its scores will.
 */
export function TasksPanel() {
  const running = useStudio((state) => state.tasks.running !== null);
  const shows = useStudio((state) => tasksShown(state) !== null);
  const now = (
    <Panel id="task-form" title={TASKS_PANEL.title} sub={TASKS_PANEL.sub} testId="tasks-panel">
      <div className={kit.stack}>
        <ErrorNotice place="tasks" />
        {running ? (
          <TasksRunning />
        ) : (
          <>
            <InterruptedCards only="tasks" />
            <TasksForm />
          </>
        )}
      </div>
    </Panel>
  );
  if (!shows) return now;
  return (
    <>
      {running && now}
      <Panel id="tasks" title={TASK_RESULT.title} sub={TASK_RESULT.sub} testId="tasks-scores">
        <div className={kit.stack}>
          <TasksScores />
          <EarlierRuns />
        </div>
      </Panel>
      <Panel id="task-rows" title={TASK_ROWS.title} sub={TASK_ROWS.sub} testId="tasks-rows">
        <TaskRows />
      </Panel>
      {!running && now}
    </>
  );
}
