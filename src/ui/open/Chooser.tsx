// Asks which graph of a folder to open: dtype, path, size.

import { formatBytes } from '../../quantities.ts';
import { Dialog } from '../kit/Dialog.tsx';
import { ErrorNotice } from '../kit/ErrorNotice.tsx';
import { useActions, useStudio } from '../studioContext.ts';
import css from './chooser.module.css';

export function Chooser() {
  const chooser = useStudio((state) => state.model.chooser);
  const actions = useActions();
  if (!chooser) return null;
  return (
    <Dialog title={`Graphs in ${chooser.name}`} onClose={actions.closeChooser} testId="chooser">
      <ErrorNotice place="open" />
      <ul className={css.graphs}>
        {chooser.graphs.map((graph) => (
          <li key={graph.path}>
            <button
              type="button"
              data-testid={`graph-${graph.path}`}
              onClick={() => void actions.chooseGraph(graph.path)}
            >
              <b>{graph.dtype}</b>
              <span>{graph.path}</span>
              <span>{formatBytes(graph.bytes)}</span>
            </button>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}
