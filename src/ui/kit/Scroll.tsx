// A scrolling box for a table, which the keyboard scrolls, too.

import { type ReactNode, useEffect, useRef } from 'react';
import css from './kit.module.css';

interface Props {
  label: string;
  /** Replaces the layout of a box of limited height. */
  className?: string | undefined;
  children: ReactNode;
}

/** Focusable because nothing inside it is. */
export function Scroll({ label, className = css.scroll, children }: Props) {
  const ref = useRef<HTMLElement>(null);
  useEffect(() => {
    if (ref.current) ref.current.tabIndex = 0;
  }, []);
  return (
    <section ref={ref} className={className} aria-label={label}>
      {children}
    </section>
  );
}
