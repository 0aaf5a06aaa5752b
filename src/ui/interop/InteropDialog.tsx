// The plan and the curve in the forms that other tools read, and orders from their files.

import { useId } from 'react';
import {
  curveSnippets,
  planSnippets,
  type Snippet,
  sourceOf,
} from '../../state/interop/selectors.ts';
import { listUnits } from '../../state/plan/unitWords.ts';
import { INTEROP } from '../../words/dialogs/interop.ts';
import { CopyButton } from '../kit/CopyButton.tsx';
import { Dialog } from '../kit/Dialog.tsx';
import { ErrorNotice } from '../kit/ErrorNotice.tsx';
import kit from '../kit/kit.module.css';
import { saveBlob } from '../saveBlob.ts';
import { useActions, useStudio } from '../studioContext.ts';
import { InteropFiles } from './InteropFiles.tsx';
import css from './interop.module.css';

export default function InteropDialog() {
  const plan = useStudio(planSnippets);
  const curve = useStudio(curveSnippets);
  const removed = useStudio((state) => state.plan.present.removed);
  const actions = useActions();
  return (
    <Dialog title={INTEROP.title} onClose={() => actions.openDialog(null)} testId="interop-dialog">
      <ErrorNotice place="interop" />
      <InteropFiles />
      <h3>{removed.length > 0 ? INTEROP.planWithout(listUnits(removed)) : INTEROP.planOfAll}</h3>
      <Source />
      {plan.map((one) => (
        <Item key={one.id} snippet={one} />
      ))}
      <h3>{INTEROP.curve}</h3>
      {curve.map((one) => (
        <Item key={one.id} snippet={one} />
      ))}
    </Dialog>
  );
}

function Source() {
  const source = useStudio(sourceOf);
  const actions = useActions();
  const id = useId();
  return (
    <div className={kit.row}>
      <label htmlFor={id}>{INTEROP.source}</label>
      <input
        id={id}
        type="text"
        value={source}
        size={28}
        maxLength={300}
        className={css.source}
        data-testid="interop-source"
        onChange={(event) => actions.setSource(event.target.value)}
      />
    </div>
  );
}

function Item({ snippet }: { snippet: Snippet }) {
  const { id, title, what, text, why, file, warnings, repair } = snippet;
  return (
    <div className={css.item} data-testid={`interop-${id}`}>
      <div className={css.head}>
        <b>{title}</b> <span className={kit.sub}>{what}</span>
      </div>
      {text === null ? (
        <p className={css.why} data-testid={`interop-${id}-why`}>
          {why}
        </p>
      ) : (
        <Text id={id} title={title} text={text} file={file} />
      )}
      {warnings.length > 0 && (
        <div className={css.why} data-testid={`interop-${id}-warning`}>
          {warnings.map((warning) => (
            <p key={warning}>{warning}</p>
          ))}
        </div>
      )}
      {repair && (
        <>
          <div className={css.head}>
            <b>{repair.title}</b>
          </div>
          <Text id={`${id}-repair`} title={repair.title} text={repair.text} file={repair.file} />
        </>
      )}
    </div>
  );
}

/** A text to copy or save. */
function Text({
  id,
  title,
  text,
  file,
}: Pick<Snippet, 'id' | 'title' | 'file'> & { text: string }) {
  return (
    <>
      <textarea
        readOnly
        className={css.text}
        rows={lines(text) === 1 ? 2 : Math.min(8, lines(text))}
        wrap={lines(text) === 1 ? 'soft' : 'off'}
        spellCheck={false}
        value={text.trimEnd()}
        aria-label={title}
        data-testid={`interop-${id}-text`}
      />
      <div className={kit.row}>
        <CopyButton name={title} text={text} testId={`interop-${id}-copy`} />
        {file && (
          <button
            type="button"
            aria-label={INTEROP.save(file)}
            data-testid={`interop-${id}-save`}
            onClick={() =>
              saveBlob(
                new Blob([text], { type: file.endsWith('.csv') ? 'text/csv' : 'text/plain' }),
                file,
              )
            }
          >
            {INTEROP.save(file)}
          </button>
        )}
      </div>
    </>
  );
}

const lines = (text: string) => text.trimEnd().split('\n').length;
