// The page: the first page or the studio, the dialogs over it, and what listens to the window.

import { lazy, Suspense, useEffect } from 'react';
import { ErrorBoundary } from 'react-error-boundary';
import type { StudioStore } from '../state/store.ts';
import { PAGE } from '../words/page.ts';
import css from './app.module.css';
import { DIALOGS } from './dialogs.ts';
import kit from './kit/kit.module.css';
import { Chooser } from './open/Chooser.tsx';
import { DroppedDialog } from './open/DroppedDialog.tsx';
import { EmptyPage } from './open/EmptyPage.tsx';
import { OpenQuestion } from './open/OpenQuestion.tsx';
import { Header } from './shell/Header.tsx';
import { Toasts } from './shell/Toasts.tsx';
import { StudioContext, useStudio } from './studioContext.ts';
import { DropTarget, FocusKeeper, JobTitle, LeaveGuard, Shortcuts } from './windowEvents.tsx';

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

const loadStudio = () => import('./Studio.tsx');
const Studio = lazy(loadStudio);

function Page() {
  const isOpen = useStudio((state) => state.model.current !== null);
  const opens = useStudio((state) => state.model.opening !== null);
  // Beside the reading of the folder.
  useEffect(() => {
    if (opens) void loadStudio();
  }, [opens]);
  if (!isOpen) return <EmptyPage />;
  return (
    <Suspense fallback={<EmptyPage />}>
      <Studio />
    </Suspense>
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
