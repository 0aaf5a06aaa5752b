// A job that can be paused while it runs: how far it is, pause, cancel, what it remarked.

import type { Progress } from '../../../contract/progress.ts';
import { IMPORTANCE } from '../../../words/choose.ts';
import { CommandButton } from '../CommandButton.tsx';
import { JobProgress } from '../JobProgress.tsx';
import kit from '../kit.module.css';
import { NotifySwitch } from '../NotifySwitch.tsx';

interface Props {
  /** Of the test ids: "tasks" gives "tasks-running", "tasks-pause", "tasks-cancel". */
  name: string;
  words: Readonly<Record<'running' | 'paused' | 'pause' | 'continue', string>>;
  progress: Progress | null;
  paused: boolean;
  notes: readonly string[];
  onPause(on: boolean): void;
}

export function PausableJob({ name, words, progress, paused, notes, onPause }: Props) {
  return (
    <section className={kit.stack} aria-label={words.running} data-testid={`${name}-running`}>
      <div className={kit.row}>
        <div className={kit.grow}>
          {paused ? (
            <span className={kit.sub}>{words.paused}</span>
          ) : (
            <JobProgress progress={progress} label={words.running} />
          )}
        </div>
        <NotifySwitch label={IMPORTANCE.notify} />
      </div>
      <div className={kit.row}>
        <button type="button" data-testid={`${name}-pause`} onClick={() => onPause(!paused)}>
          {paused ? words.continue : words.pause}
        </button>
        <CommandButton id="cancel" testId={`${name}-cancel`} />
      </div>
      {notes.map((note) => (
        <p key={note} className={kit.sub}>
          {note}
        </p>
      ))}
    </section>
  );
}
