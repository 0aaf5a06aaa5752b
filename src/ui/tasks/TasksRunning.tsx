// A run of tasks: how far it is, pause, cancel; its scores so far are below.

import { TASKS_PANEL } from '../../words/comparison/tasks.ts';
import { PausableJob } from '../kit/workspace/PausableJob.tsx';
import { useActions, useStudio } from '../studioContext.ts';

export function TasksRunning() {
  const { running, paused, progress } = useStudio((state) => state.tasks);
  const actions = useActions();
  if (!running) return null;
  return (
    <PausableJob
      name="tasks"
      words={TASKS_PANEL}
      progress={progress}
      paused={paused}
      notes={running.notes}
      onPause={actions.pauseTasks}
    />
  );
}
