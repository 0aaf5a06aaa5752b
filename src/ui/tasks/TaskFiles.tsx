// The rows that are loaded: files are picked here or dropped anywhere; what was recognised, what
// was not and why.

import type { LoadedTask } from '../../contract/comparison/tasks.ts';
import { taskLabel } from '../../state/tasks/names.ts';
import { loadedTasks } from '../../state/tasks/selectors.ts';
import { TASK_FILES } from '../../words/comparison/tasks.ts';
import kit from '../kit/kit.module.css';
import { useActions, useStudio } from '../studioContext.ts';
import css from './tasks.module.css';

export function TaskFiles() {
  const loaded = useStudio(loadedTasks);
  const loading = useStudio((state) => state.tasks.loading);
  const ignored = useStudio((state) => state.tasks.loaded?.ignored ?? null);
  const actions = useActions();
  const builtIn = loaded.some(({ source }) => source.builtIn);
  return (
    <fieldset className={kit.field}>
      <legend>{TASK_FILES.legend}</legend>
      <div className={kit.stack}>
        {loaded.length > 0 && (
          <ul className={css.tasks} data-testid="tasks-loaded">
            {loaded.map((one) => (
              <Loaded key={one.task} one={one} />
            ))}
          </ul>
        )}
        {builtIn && <p className={css.mark}>{TASK_FILES.builtInNote}</p>}
        <div className={kit.row}>
          <button
            type="button"
            data-testid="tasks-files"
            disabled={loading}
            onClick={() => void actions.pickTasks('files')}
          >
            {TASK_FILES.files}
          </button>
          <button
            type="button"
            data-testid="tasks-folder"
            disabled={loading}
            onClick={() => void actions.pickTasks('folder')}
          >
            {TASK_FILES.folder}
          </button>
          {loaded.length === 0 && (
            <button
              type="button"
              data-testid="tasks-built-in"
              disabled={loading}
              onClick={() => void actions.loadBuiltInTasks()}
            >
              {TASK_FILES.builtIn}
            </button>
          )}
          {loaded.length > 1 && (
            <button
              type="button"
              className={kit.quiet}
              disabled={loading}
              onClick={() => void actions.forgetTasks(null)}
            >
              {TASK_FILES.forgetAll}
            </button>
          )}
          {loading && <span className={kit.sub}>{TASK_FILES.reading}</span>}
        </div>
        {ignored && ignored.length > 0 && <Ignored files={ignored} />}
        {loaded.length === 0 && <p className={kit.sub}>{TASK_FILES.accepted}</p>}
      </div>
    </fieldset>
  );
}

function Loaded({ one: { task, source, rows } }: { one: LoadedTask }) {
  const leftOut = useStudio((state) => state.tasks.form.leftOut);
  const actions = useActions();
  const label = taskLabel(task);
  const from = source.builtIn ? TASK_FILES.builtInMark : TASK_FILES.from(source.files);
  return (
    <li data-testid={`tasks-loaded-${task}`}>
      <label>
        <input
          type="checkbox"
          checked={!leftOut.includes(task)}
          aria-label={TASK_FILES.use(label)}
          onChange={({ target }) =>
            actions.setTasks({
              leftOut: target.checked
                ? leftOut.filter((name) => name !== task)
                : [...leftOut, task],
            })
          }
        />{' '}
        <b>{label}</b>
      </label>
      <span className={css.from}>
        {TASK_FILES.rows(rows)}
        <small title={source.builtIn ? undefined : source.files.join('\n')}>{from}</small>
        {source.note !== undefined && <small>{source.note}</small>}
      </span>
      <button
        type="button"
        className={kit.quiet}
        aria-label={`${TASK_FILES.forget}: ${label}`}
        onClick={() => void actions.forgetTasks(task)}
      >
        {TASK_FILES.forget}
      </button>
    </li>
  );
}

/** Folded where some files were used: a folder has files of all kinds. */
function Ignored({ files }: { files: readonly { file: string; why: string }[] }) {
  const nothing = useStudio((state) => loadedTasks(state).length === 0);
  return (
    <details className={css.ignored} open={nothing} data-testid="tasks-ignored">
      <summary>{TASK_FILES.ignored(files.length)}</summary>
      <ul>
        {files.map(({ file, why }) => (
          <li key={file}>
            <b>{file}</b>: {why}
          </li>
        ))}
      </ul>
    </details>
  );
}
