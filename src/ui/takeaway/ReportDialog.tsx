// The dialog that saves the report of the study: what will be in it, a note for its readers.

import { useId, useState } from 'react';
import { toReport } from '../../errors.ts';
import { REPORT_DIALOG as words } from '../../words/takeaway/report.ts';
import { Dialog } from '../kit/Dialog.tsx';
import kit from '../kit/kit.module.css';
import { useActions, useStudioStore } from '../studioContext.ts';
import { type Drawn, saveReport } from './report/saveReport.ts';
import { missingFrom, sectionsOf } from './report/sections.ts';
import css from './report.module.css';

export default function ReportDialog() {
  const store = useStudioStore();
  const actions = useActions();
  const id = useId();
  const [note, setNote] = useState('');
  const [drawn, setDrawn] = useState<Drawn | null>(null);
  const [error, setError] = useState('');
  // What is measured meanwhile is in the report all the same; the list may miss it.
  const [sections] = useState(() => sectionsOf(store.state.getState(), new Date()));
  const missing = missingFrom(sections);
  const save = async () => {
    setError('');
    setDrawn({ done: 0, total: 1, title: '' });
    try {
      actions.toast(words.saved(await saveReport(store, note, setDrawn)));
      actions.openDialog(null);
    } catch (problem) {
      setError(words.failed(toReport(problem).message));
    } finally {
      setDrawn(null);
    }
  };
  return (
    <Dialog title={words.title} onClose={() => actions.openDialog(null)} testId="report-dialog">
      <p className={kit.sub}>{words.lead}</p>
      <div>
        <label htmlFor={id}>{words.note}</label>
        <textarea
          id={id}
          className={css.note}
          rows={3}
          maxLength={2000}
          value={note}
          aria-describedby={`${id}-hint`}
          data-testid="report-note"
          onChange={(event) => setNote(event.target.value)}
        />
        <p id={`${id}-hint`} className={kit.sub}>
          {words.noteHint}
        </p>
      </div>
      <div>
        <h3>{words.contains}</h3>
        <p data-testid="report-contains">{sections.map(({ title }) => title).join(' · ')}</p>
      </div>
      {missing.length > 0 && (
        <div className={kit.sub}>
          <h3>{words.missing}</h3>
          <p data-testid="report-missing">{missing.join(' · ')}</p>
        </div>
      )}
      {error && (
        <p role="alert" className={kit.bad}>
          {error}
        </p>
      )}
      <div className={kit.row}>
        <button
          type="button"
          data-primary
          data-testid="report-save"
          disabled={drawn !== null}
          onClick={() => void save()}
        >
          {words.save}
        </button>
        {drawn && (
          <span className={kit.progress} role="status">
            <progress aria-label={words.save} max={drawn.total} value={drawn.done} />
            {words.drawing(drawn.title, drawn.done, drawn.total)}
          </span>
        )}
      </div>
    </Dialog>
  );
}
