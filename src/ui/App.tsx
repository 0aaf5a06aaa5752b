// The page: first page or studio, the dialogs over it, and what listens to the whole window. Must
// not compute.

import { ErrorBoundary } from 'react-error-boundary';
import { Toaster } from 'sonner';
import type { StudioStore } from '../state/store.ts';
import css from './app.module.css';
import { CriteriaPanel } from './criteria/CriteriaPanel.tsx';
import { DeviceDialog } from './device/DeviceDialog.tsx';
import { EvaluatePanel } from './evaluate/EvaluatePanel.tsx';
import { ExportDialog } from './export/ExportDialog.tsx';
import { GeneratePanel } from './generate/GeneratePanel.tsx';
import { InteropDialog } from './interop/InteropDialog.tsx';
import { CommandButton } from './kit/CommandButton.tsx';
import { ErrorNotice } from './kit/ErrorNotice.tsx';
import { JobProgress } from './kit/JobProgress.tsx';
import kit from './kit/kit.module.css';
import { Opening } from './kit/Opening.tsx';
import { Chooser } from './open/Chooser.tsx';
import { DroppedDialog } from './open/DroppedDialog.tsx';
import { EmptyPage } from './open/EmptyPage.tsx';
import { MadeFromPanel, ModelPanel } from './open/ModelPanel.tsx';
import { ProblemsPanel } from './open/ProblemsPanel.tsx';
import { ArchitecturePanel } from './plan/ArchitecturePanel.tsx';
import { BlocksPanel } from './plan/BlocksPanel.tsx';
import { EffectPanel } from './plan/EffectPanel.tsx';
import { ImportancePanel } from './score/ImportancePanel.tsx';
import { SettingsDialog } from './score/SettingsDialog.tsx';
import { SearchPanel } from './search/SearchPanel.tsx';
import { Header } from './shell/Header.tsx';
import { HelpDialog } from './shell/HelpDialog.tsx';
import { SpeedPanel } from './speed/SpeedPanel.tsx';
import { StabilityPanel } from './stability/StabilityPanel.tsx';
import { StudioContext, useStudio } from './studioContext.ts';
import { VariantsPanel } from './variants/VariantsPanel.tsx';
import {
  DropTarget,
  FocusKeeper,
  JobTitle,
  LeaveGuard,
  Shortcuts,
  Toasts,
} from './windowEvents.tsx';

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
        <Toaster position="bottom-center" theme="system" />
      </ErrorBoundary>
    </StudioContext>
  );
}

function Page() {
  const isOpen = useStudio((state) => state.model.current !== null);
  const opening = useStudio((state) => state.model.opening);
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
        <div className={css.left}>
          <BlocksPanel />
        </div>
        <div className={css.middle}>
          <ImportancePanel />
          <ArchitecturePanel />
          <GeneratePanel />
          <VariantsPanel />
          <SearchPanel />
          <CriteriaPanel />
          <StabilityPanel />
          <EvaluatePanel />
        </div>
        <div className={css.right}>
          <EffectPanel />
          <SpeedPanel />
          <MadeFromPanel />
          <ProblemsPanel />
          <ModelPanel />
        </div>
      </main>
      <footer className={css.footer}>
        <span>Nothing leaves this tab.</span>
        <span className={kit.grow} />
        <span>
          Drop a folder anywhere to open another model, a .txt to score or evaluate on it, an
          espalier.json to bring back a plan, a block_order.csv to use its order.
        </span>
      </footer>
    </>
  );
}

/** An export goes on when its dialog is closed. */
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
  return (
    <>
      <Chooser />
      <DroppedDialog />
      {dialog === 'settings' && <SettingsDialog />}
      {dialog === 'export' && <ExportDialog />}
      {dialog === 'interop' && <InteropDialog />}
      {dialog === 'device' && <DeviceDialog />}
      {dialog === 'help' && <HelpDialog />}
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
      <h2>The page has a fault.</h2>
      <p>Reload it: the plan is in the address and comes back when the model is opened again.</p>
      <pre>{error instanceof Error ? error.message : String(error)}</pre>
    </main>
  );
}
