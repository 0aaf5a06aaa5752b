// Code to copy, with a title and what else to know of it.

import { CopyButton } from '../kit/CopyButton.tsx';
import kit from '../kit/kit.module.css';
import css from './export.module.css';

interface Props {
  title: string;
  code: string;
  testId: string;
  /** What else to know. */
  children: React.ReactNode;
}

export function Code({ title, code, testId, children }: Props) {
  return (
    <div className={css.snippet}>
      <div className={css.head}>
        <b>{title}</b>
        <CopyButton name={title} text={code} testId={`next-${testId}-copy`} />
      </div>
      <pre className={css.code} data-testid={`next-${testId}`}>
        <code>{code}</code>
      </pre>
      <p className={kit.note}>{children}</p>
    </div>
  );
}
