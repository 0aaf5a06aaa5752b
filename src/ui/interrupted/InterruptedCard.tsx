// Interrupted jobs of this model: how far they came, and the choice to resume or discard them.

import { agoWords } from '../../ago.ts';
import type { Interrupted } from '../../contract/interrupted.ts';
import { deviceName } from '../../state/device/selectors.ts';
import { offeredJobs, percent } from '../../state/longJob.ts';
import { nameOfText, windowsOf } from '../../state/score/text.ts';
import { taskLabel } from '../../state/tasks/names.ts';
import { defaultName } from '../../state/variants/names.ts';
import { INTERRUPTED } from '../../words/choose.ts';
import { interruptedTasks } from '../../words/comparison/tasks.ts';
import { healedWords } from '../../words/healing.ts';
import { quantisedWords } from '../../words/quantising.ts';
import kit from '../kit/kit.module.css';
import css from '../score/importance.module.css';
import { useActions, useStudio } from '../studioContext.ts';
import { useMinute } from '../useMinute.ts';

/** @param only the jobs of this kind; all when absent */
export function InterruptedCards({ only }: { only?: Interrupted['job'] }) {
  const jobs = useStudio(offeredJobs);
  return jobs
    .filter(({ job }) => only === undefined || job === only)
    .map((job) => <InterruptedCard key={job.key} job={job} />);
}

/** What it was asked for. */
function workWords(job: Interrupted): string {
  if (job.job === 'heal') {
    const { removed, methods, data } = job.request;
    const how = healedWords(methods.map(({ method }) => method));
    return `${defaultName(removed)}, ${how}, ${nameOfText(data.text)}`;
  }
  if (job.job === 'quantise') {
    const { removed, dtype, settings, mixed } = job.request;
    const how = quantisedWords({ dtype, settings, isMixed: mixed !== null });
    return `${defaultName(removed)}, ${how}`;
  }
  if (job.job === 'tasks') {
    const { tasks, limit, variants } = job.request;
    return interruptedTasks(tasks.map(taskLabel), limit, variants.length);
  }
  const { settings, search } = job;
  const upTo = search ? INTERRUPTED.upTo(search.count) : '';
  return `${upTo}${windowsOf(settings)}, ${nameOfText(settings.text)}`;
}

function InterruptedCard({ job }: { job: Interrupted }) {
  const actions = useActions();
  const now = useMinute();
  const { device } = job;
  return (
    <section
      className={css.interrupted}
      aria-label={INTERRUPTED.label}
      data-testid={`interrupted-${job.job}`}
    >
      <p>
        <strong>
          {INTERRUPTED.was(INTERRUPTED.names[job.job], percent(job), agoWords(now - job.savedAt))}
        </strong>{' '}
        <span className={kit.note}>
          {workWords(job)}, {deviceName(device)}
        </span>
      </p>
      <div className={kit.row}>
        <button
          type="button"
          data-testid={`resume-${job.job}`}
          onClick={() => void actions.resume(job)}
        >
          {INTERRUPTED.resume}
        </button>
        <button
          type="button"
          className={kit.quiet}
          data-testid={`discard-${job.job}`}
          onClick={() => void actions.discard(job)}
        >
          {INTERRUPTED.discard}
        </button>
      </div>
    </section>
  );
}
