// An error: what happened, what to do next, technical details folded away.

import { remedyOf } from '../../state/remedies.ts';
import type { ErrorPlace } from '../../state/state.ts';
import { useActions, useStudio, useStudioStore } from '../studioContext.ts';
import css from './kit.module.css';

export function ErrorNotice({ place }: { place: ErrorPlace }) {
  const error = useStudio((state) => state.errors[place]);
  const remedy = useStudio((state) => remedyOf(state, place));
  const actions = useActions();
  const store = useStudioStore();
  if (!error) return null;
  return (
    <div className={css.error} role="alert" tabIndex={-1} data-testid={`error-${place}`}>
      <div>
        <strong>{error.message}</strong> {error.hint}
      </div>
      <button
        type="button"
        className={css.quiet}
        aria-label="Dismiss"
        onClick={() => actions.dismiss(place)}
      >
        ✕
      </button>
      {remedy && (
        <div className={css.remedy}>
          <button
            type="button"
            data-testid={`remedy-${place}`}
            onClick={() => remedy.run(actions, store.state.getState())}
          >
            {remedy.label}
          </button>
        </div>
      )}
      {error.detail && (
        <details>
          <summary>Details</summary>
          <pre>{error.detail}</pre>
        </details>
      )}
    </div>
  );
}
