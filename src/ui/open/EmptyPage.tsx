// The first page: what Espalier is, three ways in, and the importance curve of the sample.

import { FIRST_PAGE } from '../../words/open.ts';
import { CommandButton } from '../kit/CommandButton.tsx';
import { ErrorNotice } from '../kit/ErrorNotice.tsx';
import kit from '../kit/kit.module.css';
import { Opening } from '../kit/Opening.tsx';
import { PaperLink } from '../kit/PaperLink.tsx';
import { Earlier } from '../recents/Earlier.tsx';
import { useActions, useStudio } from '../studioContext.ts';
import css from './empty.module.css';
import { SamplePicture } from './SamplePicture.tsx';

export function EmptyPage() {
  const opening = useStudio((state) => state.model.opening);
  return (
    <main className={css.empty}>
      <section className={css.story}>
        <p className={css.lead}>{FIRST_PAGE.lead}</p>
        <p>{FIRST_PAGE.story}</p>
        <div className={css.doors} aria-busy={opening !== null}>
          <CommandButton id="sample" testId="open-sample" />
          <CommandButton id="open" testId="open-folder" />
          <CommandButton id="open-files" testId="open-files" />
          <span className={css.dropHint}>{FIRST_PAGE.drop}</span>
        </div>
        {opening ? <Opening /> : <p className={kit.note}>{FIRST_PAGE.kinds}</p>}
        <ErrorNotice place="open" />
        <ErrorNotice place="restore" />
        <Earlier />
        <KeptText />
        <p className={kit.note}>
          {FIRST_PAGE.method} <PaperLink />.{' '}
          <CommandButton id="help" label={FIRST_PAGE.help} quiet testId="first-help" />
        </p>
      </section>
      <SamplePicture />
    </main>
  );
}

/** A text that was dropped before a model was open. */
function KeptText() {
  const dropped = useStudio((state) => state.view.dropped);
  const actions = useActions();
  if (!dropped) return null;
  return (
    <p className={kit.row} data-testid="kept-text">
      {FIRST_PAGE.kept(dropped.name)}
      <button type="button" className={kit.quiet} onClick={() => actions.answerDropped(null)}>
        {FIRST_PAGE.forget}
      </button>
    </p>
  );
}
