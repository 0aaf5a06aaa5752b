// One error as a sentence, what to do next, and the technical detail folded away; stays until it is dismissed or solved.

import type { Place } from '../../state/state.ts';
import { useActions, useStudio } from '../studioContext.ts';
import css from './kit.module.css';

export function ErrorNotice({ place }: { place: Place }) {
  const error = useStudio((state) => state.errors[place]);
  const actions = useActions();
  if (!error) return null;
  return (
    <div className={css.error} role="alert" data-testid={`error-${place}`}>
      <div>
        <strong>{error.message}</strong> {error.hint}
      </div>
      <button type="button" className={css.quiet} aria-label="Dismiss" onClick={() => actions.dismiss(place)}>
        ✕
      </button>
      {error.detail && (
        <details>
          <summary>Detail</summary>
          <pre>{error.detail}</pre>
        </details>
      )}
    </div>
  );
}
