// A word with its explanation, for mouse, keyboard and touch: a button that opens a popover.

import { type ReactNode, useId, useRef } from 'react';
import { TERMS, type TermId } from '../../words/terms.ts';
import css from './term.module.css';

const GAP = 6;
const MARGIN = 8;

export function Term({ id, children }: { id: TermId; children?: ReactNode }) {
  const { name, explanation } = TERMS[id];
  const popover = useRef<HTMLSpanElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const target = useId();

  /** Under the word, or above it where there is no room; within the window. */
  function place(): void {
    const [box, at] = [popover.current, button.current?.getBoundingClientRect()];
    if (!box || !at) return;
    const { width, height } = box.getBoundingClientRect();
    const left = Math.min(at.left, window.innerWidth - width - MARGIN);
    const below = at.bottom + GAP;
    const top = below + height > window.innerHeight ? at.top - GAP - height : below;
    box.style.left = `${Math.max(MARGIN, left)}px`;
    box.style.top = `${Math.max(MARGIN, top)}px`;
  }

  return (
    <>
      <button
        ref={button}
        type="button"
        className={css.term}
        popoverTarget={target}
        aria-describedby={target}
        data-testid={`term-${id}`}
      >
        {children ?? name}
      </button>
      <span
        ref={popover}
        id={target}
        popover="auto"
        className={css.popover}
        onToggle={(event) => event.newState === 'open' && place()}
      >
        <b>{name}</b> {explanation}
      </span>
    </>
  );
}
