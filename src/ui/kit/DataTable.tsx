// The frame of a table of numbers: caption, column heads that stay in sight, rows.

import type { ReactNode } from 'react';
import css from './dataTable.module.css';
import kit from './kit.module.css';

export interface Column {
  key: string;
  title: ReactNode;
  /** Columns under this head. */
  span?: number;
  /** Words instead of numbers. */
  text?: boolean;
}

interface Props {
  testId: string;
  caption?: ReactNode;
  /** The caption is read aloud only. */
  captionHidden?: boolean;
  columns: readonly Column[];
  className?: string | undefined;
  /** The rows. */
  children: ReactNode;
}

export function DataTable({ testId, caption, captionHidden, columns, className, children }: Props) {
  return (
    <table className={`${css.table} ${className ?? ''}`} data-testid={testId}>
      {caption && <caption className={captionHidden ? kit.hidden : undefined}>{caption}</caption>}
      <thead>
        <tr>
          {columns.map(({ key, title, span, text }) =>
            title === '' ? (
              <td key={key} colSpan={span} />
            ) : (
              <th key={key} scope="col" colSpan={span} className={text ? css.text : undefined}>
                {title}
              </th>
            ),
          )}
        </tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  );
}
