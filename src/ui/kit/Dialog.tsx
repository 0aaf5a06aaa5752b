// A native modal dialog that is open while it is mounted; must not hold what it asks for. Close comes last, so that the first field has the focus.

import { type ReactNode, useEffect, useId, useRef } from 'react';
import css from './kit.module.css';

export function Dialog({ title, onClose, children, testId }: { title: string; onClose: () => void; children: ReactNode; testId?: string }) {
  const ref = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useEffect(() => {
    const dialog = ref.current;
    if (dialog && !dialog.open) dialog.showModal();
  }, []);
  return (
    <dialog ref={ref} className={css.dialog} aria-labelledby={heading} onClose={onClose} data-testid={testId}>
      <div className={css.stack}>
        <h2 id={heading}>{title}</h2>
        {children}
        <button type="button" className={css.close} aria-label="Close" onClick={() => ref.current?.close()}>
          ✕
        </button>
      </div>
    </dialog>
  );
}
