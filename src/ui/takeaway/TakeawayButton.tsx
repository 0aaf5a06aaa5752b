// The menu button in the head of a panel that has a chart or a table to take away. Its menu loads
// when it is opened.

import { lazy, Suspense, useCallback, useId, useRef, useState } from 'react';
import { TAKEAWAYS } from '../../state/takeaway/takeaways.ts';
import { menuWords } from '../../words/takeaway/menu.ts';
import { useStudio } from '../studioContext.ts';
import css from './takeaway.module.css';

const TakeawayMenu = lazy(() => import('./TakeawayMenu.tsx'));

interface Props {
  /** Id of the panel. */
  panel: string;
  title: string;
}

export function TakeawayButton({ panel, title }: Props) {
  const own = TAKEAWAYS.filter((row) => row.panel === panel);
  const hasAny = useStudio((state) => own.some((row) => row.shown(state)));
  return hasAny && <MenuButton panel={panel} title={title} />;
}

function MenuButton({ panel, title }: Props) {
  const [open, setOpen] = useState<'first' | 'last' | null>(null);
  const button = useRef<HTMLButtonElement>(null);
  const id = useId();
  const close = useCallback((refocus: boolean) => {
    setOpen(null);
    if (refocus) button.current?.focus();
  }, []);
  return (
    <>
      <button
        ref={button}
        id={`${id}-button`}
        type="button"
        className={css.button}
        aria-haspopup="menu"
        aria-expanded={open !== null}
        aria-controls={open ? id : undefined}
        aria-label={menuWords.button(title)}
        title={menuWords.button(title)}
        data-testid={`take-${panel}`}
        onClick={() => setOpen(open ? null : 'first')}
        onKeyDown={(event) => {
          if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
          event.preventDefault();
          setOpen(event.key === 'ArrowUp' ? 'last' : 'first');
        }}
      >
        <svg viewBox="0 0 18 4" width="18" height="4" aria-hidden="true">
          <path d="M2 2h0M9 2h0M16 2h0" className={css.dots} />
        </svg>
      </button>
      {open && (
        <Suspense>
          <TakeawayMenu id={id} panel={panel} anchor={button} start={open} onClose={close} />
        </Suspense>
      )}
    </>
  );
}
