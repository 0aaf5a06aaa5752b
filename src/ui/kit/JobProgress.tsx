// A running job: its phase, how far it is, the time left.

import type { Progress } from '../../contract/progress.ts';
import { formatBytes } from '../../quantities.ts';
import { STEPS_SHORT } from '../../words/dialogs/exporting.ts';
import { formatSeconds } from '../format.ts';
import css from './kit.module.css';

const PHASES: Record<Progress['phase'], string> = {
  device: 'timing one block on WebGPU and on the CPU',
  read: 'reading',
  compile: 'compiling programs',
  warmup: 'warming up',
  // The bar alone says so.
  score: '',
  decode: 'generating',
  write: 'writing',
  verify: 'verifying',
};

const UNITS: Record<Progress['unit'], string> = {
  bytes: '',
  blocks: 'block evaluations',
  programs: 'programs',
  runs: 'runs',
  steps: 'steps',
  files: 'files',
  segments: 'segments',
  rows: 'rows',
};

interface Props {
  progress: Progress | null;
  label: string;
  /** Percent and time left alone, where there is little room. */
  compact?: boolean;
  /** What the job itself is at, in place of amounts: "block 3 of 16". */
  at?: string | undefined;
}

export function JobProgress({ progress, label, compact = false, at }: Props) {
  if (!progress) {
    return (
      <div className={css.progress}>
        <progress aria-label={label} />
        <span>starting</span>
      </div>
    );
  }
  const { done, total } = progress;
  const phase = progress.step ? STEPS_SHORT[progress.step] : PHASES[progress.phase];
  const shown = at !== undefined && progress.phase === 'score' ? at : null;
  const amount = compact || shown ? percentOf(progress) : amountOf(progress);
  const words = compact ? [amount] : [phase, total > 0 && amount, shown];
  return (
    <div className={css.progress} data-testid={compact ? 'job-progress' : 'progress'}>
      {total > 0 ? (
        <progress aria-label={label} max={total} value={Math.min(done, total)} />
      ) : (
        <progress aria-label={label} />
      )}
      <span>
        {words.filter(Boolean).join(', ')}
        {progress.secondsLeft !== null && `, ${formatSeconds(progress.secondsLeft)} left`}
      </span>
    </div>
  );
}

function amountOf({ done, total, unit }: Progress): string {
  return unit === 'bytes'
    ? `${formatBytes(done)} of ${formatBytes(total)}`
    : `${Math.round(done)} of ${Math.round(total)} ${UNITS[unit]}`;
}

const percentOf = ({ done, total }: Progress) =>
  `${Math.floor((100 * Math.min(done, total)) / Math.max(1, total))} %`;
