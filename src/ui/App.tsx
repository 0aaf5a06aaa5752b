// The page: the first page or the studio, the dialogs over it, and what listens to the window.

import { Suspense } from 'react';
import { ErrorBoundary } from 'react-error-boundary';
import type { StudioStore } from '../state/store.ts';
import { PAGE } from '../words/page.ts';
import css from './app.module.css';
import { DIALOGS } from './dialogs.ts';
import { KeptButton } from './kept/KeptNotes.tsx';
import { CommandButton } from './kit/CommandButton.tsx';
import { ErrorNotice } from './kit/ErrorNotice.tsx';
import { JobProgress } from './kit/JobProgress.tsx';
import kit from './kit/kit.module.css';
import { Opening } from './kit/Opening.tsx';
import { Chooser } from './open/Chooser.tsx';
import { DroppedDialog } from './open/DroppedDialog.tsx';
import { EmptyPage } from './open/EmptyPage.tsx';
import { OpenQuestion } from './open/OpenQuestion.tsx';
import { panelsOf } from './panels.ts';
import { ResultStrip } from './result/ResultStrip.tsx';
import { Header } from './shell/Header.tsx';
import { Toasts } from './shell/Toasts.tsx';
import { StudioContext, useStudio } from './studioContext.ts';
import { useWide } from './useWide.ts';
import { DropTarget, FocusKeeper, JobTitle, LeaveGuard, Shortcuts } from './windowEvents.tsx';
import { Slot } from './workspaces/Slot.tsx';
import { Workspaces } from './workspaces/Workspaces.tsx';

export function App({ store }: { store: StudioStore }) {
  return (
    <StudioContext value={store}>
      <ErrorBoundary FallbackComponent={Broken}>
        <Header />
        <Page />
        <Dialogs />
        <DropTarget />
        <Shortcuts />
        <FocusKeeper />
        <LeaveGuard />
        <JobTitle />
        <Announcer />
        <Toasts />
      </ErrorBoundary>
    </StudioContext>
  );
}

function Page() {
  const isOpen = useStudio((state) => state.model.current !== null);
  const opening = useStudio((state) => state.model.opening);
  const wide = useWide();
  const hasColumn = useWide('resultBeside');
  if (!isOpen) return <EmptyPage />;
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

function Dialogs() {
  const dialog = useStudio((state) => state.view.dialog);
  const Open = dialog && DIALOGS[dialog];
  return (
    <>
      <Chooser />
      <OpenQuestion />
      <DroppedDialog />
      <Suspense>{Open && <Open />}</Suspense>
    </>
  );
}

/** Reads aloud what happened; the page shows it elsewhere. */
function Announcer() {
  const text = useStudio((state) => state.view.announcement);
  return (
    <div className={kit.hidden} role="status" aria-live="polite" data-testid="announcer">
      {text}
    </div>
  );
}

function Broken({ error }: { error: unknown }) {
  return (
    <main className={css.broken} role="alert">
      <h2>{PAGE.broken}</h2>
      <p>{PAGE.brokenNext}</p>
      <pre>{error instanceof Error ? error.message : String(error)}</pre>
    </main>
  );
}
