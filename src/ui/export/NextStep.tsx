// What to do with an export: code that loads it, and the commands that publish it.

import type { ExportResult } from '../../contract/export.ts';
import { nextStep } from '../../state/export/nextStep.ts';
import { KIT, NEXT } from '../../words/dialogs/export.ts';
import kit from '../kit/kit.module.css';
import { useStudio } from '../studioContext.ts';
import { Code } from './Code.tsx';

export function NextStep({ result, isZip }: { result: ExportResult; isZip: boolean }) {
  const isUnhealed = useStudio(
    ({ export: { removed, healing } }) => removed.length > 0 && healing === undefined,
  );
  const { loader, code, hub } = nextStep(result);
  const hasKit = result.files.some(({ path }) => path.startsWith(`${KIT.folder}/`));
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
      {hasKit && (
        <p className={kit.note} data-testid="next-kit">
          {KIT.next}
        </p>
      )}
      {isUnhealed && !hasKit && <p className={kit.note}>{NEXT.healing}</p>}
    </section>
  );
}
