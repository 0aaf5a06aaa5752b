// Earlier runs of tasks on this model: which variants, which tasks, how many rows.

import { agoWords } from '../../ago.ts';
import type { ScoredTasks } from '../../state/tasks/forms.ts';
import { taskLabel, tasksResultKey } from '../../state/tasks/names.ts';
import { interruptedTasks, TASK_RESULT } from '../../words/comparison/tasks.ts';
import kit from '../kit/kit.module.css';
import { useActions, useStudio } from '../studioContext.ts';
import { useMinute } from '../useMinute.ts';
import css from './tasks.module.css';
import { useVariantNames } from './useVariantNames.ts';

export function EarlierRuns() {
  const results = useStudio((state) => state.tasks.results);
  const running = useStudio((state) => state.tasks.running !== null);
  if (results.length < 2 || running) return null;
  return (
    <details className={css.earlier} data-testid="tasks-earlier">
      <summary>
        {TASK_RESULT.earlier} <span className={kit.sub}>{results.length}</span>
      </summary>
      <ul>
        {results.map((one) => (
          <Run key={`${one.at} ${tasksResultKey(one.result)}`} one={one} />
        ))}
      </ul>
    </details>
  );
}

function Run({ one }: { one: ScoredTasks }) {
  const shown = useStudio((state) => state.tasks.shown);
  const names = useVariantNames(one.result.variants);
  const now = useMinute();
  const actions = useActions();
  const { tasks, settings, variants } = one.result;
  const labels = tasks.map(({ task }) => taskLabel(task));
  const name = names.at(-1) ?? '';
  return (
    <li>
      <button
        type="button"
        aria-pressed={shown?.at === one.at}
        aria-label={`${TASK_RESULT.show}: ${name}`}
        onClick={() => actions.showTasks(one)}
      >
        {TASK_RESULT.show}
      </button>
      <span>
        <b>{name}</b>{' '}
        <span className={kit.sub}>
          {interruptedTasks(labels, settings.limit, variants.length)}, {agoWords(now - one.at)}
        </span>
      </span>
    </li>
  );
}
