// A card of the page: its heading, a line on what it shows, a menu to take that away, its content.

import type { ReactNode } from 'react';
import { TakeawayButton } from '../takeaway/TakeawayButton.tsx';
import css from './kit.module.css';

interface Props {
  /** Names the heading, `<id>-title`, and what can be taken away (`TAKEAWAYS`). */
  id: string;
  title: string;
  /** What the card shows, beside the heading. */
  sub?: ReactNode;
  testId?: string;
  children: ReactNode;
}

export function Panel({ id, title, sub, testId, children }: Props) {
  return (
    <section className={css.card} aria-labelledby={`${id}-title`} data-testid={testId}>
      <div className={css.head}>
        <h2 id={`${id}-title`}>{title}</h2>
        {sub && <span className={css.sub}>{sub}</span>}
        <TakeawayButton panel={id} title={title} />
      </div>
      {children}
    </section>
  );
}
