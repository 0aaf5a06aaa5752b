// The row of a running job in its panel: how far it is, the time left, Notify, Cancel. Of one
// height whatever it says.

import type { Progress } from '../../contract/progress.ts';
import { IMPORTANCE } from '../../words/choose.ts';
import { PAGE } from '../../words/page.ts';
import { CommandButton } from './CommandButton.tsx';
import { JobProgress } from './JobProgress.tsx';
import css from './jobRow.module.css';
import { NotifySwitch } from './NotifySwitch.tsx';

interface Props {
  progress: Progress | null;
  /** Names the progress bar. */
  label: string;
  /** What it is at, once it is past its preparation: "block 3 of 16". */
  at?: string;
  cancelling?: boolean;
  /** Of the Cancel button. */
  testId?: string;
}

export function JobRow({ progress, label, at, cancelling = false, testId = 'cancel' }: Props) {
  return (
    <div className={css.row}>
      <div className={css.progress}>
        {cancelling ? (
          <span className={css.stopping}>{PAGE.stopping}</span>
        ) : (
          <JobProgress progress={progress} label={label} at={at} />
        )}
      </div>
      <div className={css.notify}>
        <NotifySwitch label={IMPORTANCE.notify} />
      </div>
      <CommandButton id="cancel" testId={testId} />
    </div>
  );
}
