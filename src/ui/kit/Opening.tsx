// The folder that is being read, and how far it is.

import { useStudio } from '../studioContext.ts';
import { JobProgress } from './JobProgress.tsx';
import css from './kit.module.css';

export function Opening() {
  const { opening, progress } = useStudio((state) => state.model);
  return (
    <div className={css.row}>
      <span role="status">Reading {opening}…</span>
      {progress && <JobProgress progress={progress} label={`Reading ${opening}`} />}
    </div>
  );
}
