// A form control with its label.

import { type ReactNode, useId } from 'react';
import css from './kit.module.css';

interface Props {
  label: string;
  /** Replaces the layout of label and control on one line. */
  className?: string | undefined;
  /** The control, by the id that its label points to, and what belongs behind it. */
  children: (id: string) => ReactNode;
}

export function Field({ label, className = css.pair, children }: Props) {
  const id = useId();
  return (
    <div className={className}>
      <label htmlFor={id}>{label}</label>
      {children(id)}
    </div>
  );
}
