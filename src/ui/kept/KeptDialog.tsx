// What is kept in this browser: of which models, how much, and erasing it.

import { useEffect, useState } from 'react';
import { agoWords } from '../../ago.ts';
import { formatBytes } from '../../quantities.ts';
import { KEPT, keptWords } from '../../words/kept.ts';
import { Dialog } from '../kit/Dialog.tsx';
import kit from '../kit/kit.module.css';
import { useActions, useStudio } from '../studioContext.ts';
import { useMinute } from '../useMinute.ts';
import css from './kept.module.css';

export default function KeptDialog() {
  const actions = useActions();
  const storage = useStudio((state) => state.kept.storage);
  useEffect(() => void actions.listKept(), [actions]);
  return (
    <Dialog title={KEPT.title} onClose={() => actions.openDialog(null)} testId="kept-dialog">
      <p className={kit.note}>
        {storage === 'none' || storage === 'full' ? KEPT[storage] : KEPT.private}
      </p>
      <KeptModels />
    </Dialog>
  );
}

function KeptModels() {
  const models = useStudio((state) => state.kept.models);
  const actions = useActions();
  const now = useMinute();
  if (!models || models.length === 0) return <p>{KEPT.empty}</p>;
  return (
    <>
      <ul className={css.models}>
        {models.map(({ key, name, graph, savedAt, bytes, counts }) => (
          <li key={key} data-testid="kept-model">
            <div className={css.about}>
              <b>{name}</b>{' '}
              <span className={kit.sub}>
                {graph}, {agoWords(now - savedAt)}, {formatBytes(bytes)}
              </span>
              <div>{keptWords(counts)}</div>
            </div>
            <button
              type="button"
              aria-label={`${KEPT.erase}: ${name}, ${graph}`}
              data-testid="erase-kept"
              onClick={() => void actions.eraseKept(key)}
            >
              {KEPT.erase}
            </button>
          </li>
        ))}
      </ul>
      <EraseAll />
    </>
  );
}

function EraseAll() {
  const actions = useActions();
  const [asks, setAsks] = useState(false);
  if (!asks)
    return (
      <div className={kit.row}>
        <button type="button" data-testid="erase-all" onClick={() => setAsks(true)}>
          {KEPT.eraseAll}
        </button>
      </div>
    );
  return (
    <div className={kit.row}>
      <span>{KEPT.reallyAll}</span>
      <button
        type="button"
        data-testid="erase-all-yes"
        onClick={() => {
          setAsks(false);
          void actions.eraseAllKept();
        }}
      >
        {KEPT.eraseAll}
      </button>
      <button type="button" className={kit.quiet} onClick={() => setAsks(false)}>
        {KEPT.no}
      </button>
    </div>
  );
}
