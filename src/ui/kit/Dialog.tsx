// A native modal dialog that is open while it is mounted.

import { type ReactNode, useEffect, useId, useLayoutEffect, useRef, useState } from 'react';
import { useStudio } from '../studioContext.ts';
import css from './kit.module.css';

export function Dialog({
  title,
  onClose,
  children,
  testId,
}: {
  title: string;
  onClose: () => void;
  children: ReactNode;
  testId?: string;
}) {
  const ref = useRef<HTMLDialogElement>(null);
  const heading = useId();
  // A dialog that leaves the page without being closed would not give the focus back.
  useLayoutEffect(() => {
    const opener = document.activeElement;
    return () =>
      queueMicrotask(() => {
        if (document.activeElement === document.body && opener instanceof HTMLElement)
          opener.focus();
      });
  }, []);
  useEffect(() => {
    const dialog = ref.current;
    if (dialog && !dialog.open) dialog.showModal();
  }, []);
  return (
    <dialog
      ref={ref}
      className={css.dialog}
      aria-labelledby={heading}
      onClose={onClose}
      data-testid={testId}
    >
      <div className={css.stack}>
        <h2 id={heading}>{title}</h2>
        {children}
        <News />
        {/* Last, so that the first field has the focus. */}
        <button
          type="button"
          className={css.close}
          aria-label="Close"
          onClick={() => ref.current?.close()}
        >
          ✕
        </button>
      </div>
    </dialog>
  );
}

/** Reads aloud what happens meanwhile: a modal dialog silences the announcer of the page. */
function News() {
  const text = useStudio((state) => state.view.announcement);
  const [before] = useState(text);
  return (
    <div className={css.hidden} role="status" data-testid="dialog-news">
      {text !== before && text}
    </div>
  );
}
