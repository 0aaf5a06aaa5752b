// Recent folders, and the models of which results are kept, on the first page.

import { KEPT, openedAgo, RECENT } from '../../words/kept.ts';
import { CommandButton } from '../kit/CommandButton.tsx';
import kit from '../kit/kit.module.css';
import { useActions, useStudio } from '../studioContext.ts';
import { useMinute } from '../useMinute.ts';
import css from './recents.module.css';

export default function EarlierLists() {
  const models = useStudio((state) => state.kept.models);
  return (
    <>
      <RecentFolders />
      {models && models.length > 0 && (
        <div className={kit.row} data-testid="kept-line">
          <CommandButton id="kept" testId="kept-open" />
          <span className={kit.note}>{KEPT.private}</span>
        </div>
      )}
    </>
  );
}

function RecentFolders() {
  const folders = useStudio((state) => state.recents.folders);
  const actions = useActions();
  const now = useMinute();
  if (folders.length === 0) return null;
  return (
    <section aria-labelledby="recents-title" data-testid="recents">
      <h2 id="recents-title" className={css.title}>
        {RECENT.title}
      </h2>
      <ul className={css.folders}>
        {folders.map(({ id, name, folder, graph, openedAt }) => (
          <li key={id}>
            <button
              type="button"
              className={css.folder}
              title={RECENT.hint}
              data-testid="recent"
              onClick={() => void actions.openRecent(id)}
            >
              <b>{name}</b>{' '}
              <span className={kit.sub}>
                {name === folder ? graph : `${folder}, ${graph}`}, {openedAgo(now - openedAt)}
              </span>
            </button>
            <button
              type="button"
              className={kit.quiet}
              aria-label={`${RECENT.forget}: ${folder}`}
              title={RECENT.forgetHint}
              data-testid="recent-forget"
              onClick={() => void actions.forgetRecent(id)}
            >
              ✕
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
