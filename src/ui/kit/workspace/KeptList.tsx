// Results that are kept for the model, folded: a row for each, and the bytes of all.

import type { ReactNode } from 'react';
import kit from '../kit.module.css';
import css from './keptList.module.css';

interface Props {
  title: string;
  count: number;
  /** What all of them take. */
  size: string;
  testId: string;
  /** `KeptRow`s. */
  children: ReactNode;
}

export function KeptList({ title, count, size, testId, children }: Props) {
  return (
    <details className={css.kept} data-testid={testId}>
      <summary>
        {title} <span className={kit.sub}>{count}</span>
      </summary>
      <ul>{children}</ul>
      <p className={kit.sub}>{size}</p>
    </details>
  );
}

interface RowProps {
  name: string;
  /** When it was made, how large it is, what has to be known of it. */
  about: string;
  testId: string;
  /** Buttons. */
  children: ReactNode;
}

export function KeptRow({ name, about, testId, children }: RowProps) {
  return (
    <li data-testid={testId}>
      <span className={css.about}>
        <b>{name}</b> <span className={kit.sub}>{about}</span>
      </span>
      {children}
    </li>
  );
}
