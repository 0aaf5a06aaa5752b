// The work that runs now, wherever it was started: its name, how far it is, Cancel.

import { runningWork } from '../../state/running.ts';
import { PAGE } from '../../words/page.ts';
import { CommandButton } from '../kit/CommandButton.tsx';
import { JobProgress } from '../kit/JobProgress.tsx';
import { useStudio } from '../studioContext.ts';
import css from './workspaces.module.css';

export function JobBar() {
  const work = useStudio(runningWork);
  if (!work) return null;
  return (
    <section className={css.job} aria-label={PAGE.job} data-testid="job-bar">
      <b>{work.title}</b>
      {work.cancelling ? (
        <span className={css.left}>{PAGE.stopping}</span>
      ) : (
        <JobProgress progress={work.progress} label={work.title} compact />
      )}
      <CommandButton id="cancel" testId="job-cancel" />
    </section>
  );
}
