// Asks which graph of a folder to open: precision, path, size, what loads it, and a recommendation.

import { formatBytes } from '../../quantities.ts';
import { adviseGraphs } from '../../state/open/graphAdvice.ts';
import type { ModelSlice } from '../../state/open/state.ts';
import { CHOOSER } from '../../words/open.ts';
import { Dialog } from '../kit/Dialog.tsx';
import { ErrorNotice } from '../kit/ErrorNotice.tsx';
import kit from '../kit/kit.module.css';
import { useFirstFocus } from '../kit/useFirstFocus.ts';
import { useActions, useStudio } from '../studioContext.ts';
import css from './chooser.module.css';

export function Chooser() {
  const chooser = useStudio((state) => state.model.chooser);
  const actions = useActions();
  if (!chooser) return null;
  return (
    <Dialog title={CHOOSER.title(chooser.name)} onClose={actions.closeChooser} testId="chooser">
      <ErrorNotice place="open" />
      <p>{CHOOSER.advice}</p>
      <Graphs chooser={chooser} />
    </Dialog>
  );
}

function Graphs({ chooser }: { chooser: NonNullable<ModelSlice['chooser']> }) {
  const actions = useActions();
  const best = useFirstFocus<HTMLButtonElement>();
  const graphs = adviseGraphs(chooser.graphs);
  return (
    <>
      <ul className={css.graphs}>
        {graphs.map(({ path, dtype, bytes, use, recommended }) => (
          <li key={path}>
            <button
              ref={recommended ? best : undefined}
              type="button"
              data-testid={`graph-${path}`}
              data-recommended={recommended}
              onClick={() => void actions.chooseGraph(path)}
            >
              <b>{dtype}</b>
              <span>
                {path}
                <span className={css.use}>{use}</span>
              </span>
              <span className={css.size}>
                {formatBytes(bytes)}
                {recommended && <span className={css.best}>{CHOOSER.recommended}</span>}
              </span>
            </button>
          </li>
        ))}
      </ul>
      {graphs.some(({ recommended }) => recommended) && (
        <p className={kit.note}>{CHOOSER.reason}</p>
      )}
    </>
  );
}
