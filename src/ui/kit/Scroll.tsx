// A scrolling box for a table, which the keyboard scrolls, too.

import { type ReactNode, useEffect, useRef } from 'react';
import css from './kit.module.css';

/** Focusable because nothing inside it is. */
export function Scroll({ label, children }: { label: string; children: ReactNode }) {
  const ref = useRef<HTMLElement>(null);
  useEffect(() => {
    if (ref.current) ref.current.tabIndex = 0;
  }, []);
  return (
    <section ref={ref} className={css.scroll} aria-label={label}>
      {children}
    </section>
  );
}
