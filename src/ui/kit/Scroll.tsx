// A box for a table that may be wider or longer than there is room: keys scroll it, too.

import { type ReactNode, useEffect, useRef } from 'react';
import css from './kit.module.css';

/** Takes the focus only because nothing inside it does. */
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
