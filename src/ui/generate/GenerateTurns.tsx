// The conversation before the next message.

import { removeTurn, SIDE_BY_SIDE } from '../../words/quality.ts';
import kit from '../kit/kit.module.css';
import { useActions, useStudio } from '../studioContext.ts';
import css from './generate.module.css';

/** Id of the field of the next message. */
export const PROMPT_ID = 'generate-prompt';

export function GenerateTurns() {
  const turns = useStudio((state) => state.generate.form.turns);
  const actions = useActions();
  if (turns.length === 0) return null;
  return (
    <section className={css.turns} aria-label={SIDE_BY_SIDE.conversation} data-testid="turns">
      <ol>
        {turns.map(({ id, user, assistant, which }, i) => (
          <li key={id}>
            <p dir="auto">
              <b>{SIDE_BY_SIDE.you}</b> {user}
            </p>
            <p dir="auto">
              <b>{which}</b> {assistant}
            </p>
            <button
              type="button"
              className={kit.quiet}
              aria-label={removeTurn(i + 1)}
              title={SIDE_BY_SIDE.remove}
              data-testid={`remove-turn-${i}`}
              onClick={() => {
                actions.removeTurn(i);
                focusPrompt();
              }}
            >
              ×
            </button>
          </li>
        ))}
      </ol>
      <button
        type="button"
        data-testid="new-chat"
        onClick={() => {
          actions.newChat();
          focusPrompt();
        }}
      >
        {SIDE_BY_SIDE.newChat}
      </button>
    </section>
  );
}

/** For when what had the focus has left the page: typing comes next. */
export function focusPrompt(): void {
  document.getElementById(PROMPT_ID)?.focus();
}
