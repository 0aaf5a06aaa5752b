// The page while a model is open: blocks, workspaces, result. It loads when a model is opened.

import { PAGE } from '../words/page.ts';
import css from './app.module.css';
import { KeptButton } from './kept/KeptNotes.tsx';
import { CommandButton } from './kit/CommandButton.tsx';
import { ErrorNotice } from './kit/ErrorNotice.tsx';
import { JobProgress } from './kit/JobProgress.tsx';
import kit from './kit/kit.module.css';
import { Opening } from './kit/Opening.tsx';
import { panelsOf } from './panels.ts';
import { ResultStrip } from './result/ResultStrip.tsx';
import { useStudio } from './studioContext.ts';
import { useWide } from './useWide.ts';
import { Slot } from './workspaces/Slot.tsx';
import { Workspaces } from './workspaces/Workspaces.tsx';

export default function Studio() {
  const opening = useStudio((state) => state.model.opening);
  const wide = useWide();
  const hasColumn = useWide('resultBeside');
  return (
    <>
      <div className={css.notices}>
        {opening && <Opening />}
        <ErrorNotice place="open" />
        <ErrorNotice place="device" />
        <ExportStatus />
      </div>
      <main className={css.studio}>
        {wide && <Beside place="blocks" />}
        <Workspaces />
        <Beside place="result" />
      </main>
      <footer className={css.footer}>
        <span>{PAGE.private}</span>
        <KeptButton />
        <span className={kit.grow} />
        <span>{PAGE.drop}</span>
      </footer>
      {!hasColumn && <ResultStrip />}
    </>
  );
}

/** A column beside the workspace, always in view where the window is wide enough. */
function Beside({ place }: { place: 'blocks' | 'result' }) {
  return (
    <div className={css[place]}>
      {panelsOf(place, false).map((spec) => (
        <Slot key={spec.id} {...spec} />
      ))}
    </div>
  );
}

/** An export continues when its dialog is closed. */
function ExportStatus() {
  const { running, progress } = useStudio((state) => state.export);
  const dialog = useStudio((state) => state.view.dialog);
  if (!running || dialog === 'export') return null;
  return (
    <div className={kit.row}>
      Exporting <JobProgress progress={progress} label="Exporting" />
      <CommandButton id="export" label="Show" testId="export-show" />
    </div>
  );
}
