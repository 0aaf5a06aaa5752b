// What to do with an export: code that loads it, and the commands that publish it.

import type { ExportResult } from '../../contract/export.ts';
import { nextStep } from '../../state/export/nextStep.ts';
import { NEXT } from '../../words/dialogs/export.ts';
import { CopyButton } from '../kit/CopyButton.tsx';
import kit from '../kit/kit.module.css';
import { useStudio } from '../studioContext.ts';
import css from './export.module.css';

export function NextStep({ result, isZip }: { result: ExportResult; isZip: boolean }) {
  const isPruned = useStudio((state) => state.export.removed.length > 0);
  const { loader, code, hub } = nextStep(result);
  return (
    <section className={kit.stack} aria-labelledby="export-next" data-testid="export-next">
      <h3 id="export-next">{NEXT.title}</h3>
      <Code title={NEXT.loaders[loader]} code={code} testId="use">
        {isZip && `${NEXT.unpack} `}
        {loader === 'transformers.js' ? NEXT.local : NEXT.path}
      </Code>
      <Code title={NEXT.hub} code={hub} testId="hub">
        {NEXT.hubNote}{' '}
        <a href={NEXT.guideUrl} target="_blank" rel="noopener">
          {NEXT.guide}
        </a>
      </Code>
      {isPruned && <p className={kit.note}>{NEXT.healing}</p>}
    </section>
  );
}

interface CodeProps {
  title: string;
  code: string;
  testId: string;
  /** What else to know. */
  children: React.ReactNode;
}

function Code({ title, code, testId, children }: CodeProps) {
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
