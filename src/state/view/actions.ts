// What is shown and said beyond numbers: pointing at a block, dialogs, switches, a new engine.

import type { ErrorReport } from '../../errors.ts';
import type { WorkspaceId } from '../../words/workspaces.ts';
import type { Context } from '../context.ts';
import type { DeviceActions } from '../device/actions.ts';
import type { ScoreActions } from '../score/actions.ts';
import type { ErrorPlace } from '../state.ts';
import { ERROR_PLACES } from './errorPlaces.ts';
import type { Dialog, ToastAction } from './state.ts';

export interface ViewActions {
  hover(block: number | null): void;
  openDialog(dialog: Dialog): void;
  /** Shows a workspace in the middle of the page; computes nothing. */
  openWorkspace(id: WorkspaceId): void;
  setSingleKeys(on: boolean): void;
  /** Remembered between visits. */
  setNotify(on: boolean): void;
  dismiss(place: ErrorPlace): void;
  /** Opens the workspace or the dialog that shows the error, and closes what covers it. */
  showError(place: ErrorPlace): void;
  /** A short message that goes away by itself, read aloud too; perhaps with a button. */
  toast(text: string, action?: ToastAction): void;
  /** The engine was started anew after it died or hung. */
  engineReplaced(error: ErrorReport): void;
}

export function makeViewActions(
  context: Context,
  others: Pick<DeviceActions, 'checkDevice'> & Pick<ScoreActions, 'refreshMemory'>,
): ViewActions {
  const { get, patch, choices } = context;
  void choices?.recall('notify').then((notify) => notify !== null && patch('view', { notify }));

  /** The result of an export belongs to the plan that was exported. */
  function forgetOtherExport(): void {
    const { export: exported, plan } = get();
    const isOfPlan = exported.removed.join() === plan.present.removed.join();
    if (!exported.running && !isOfPlan) patch('export', { result: null });
  }

  function openWorkspace(workspace: WorkspaceId): void {
    if (get().view.workspace === workspace) return;
    patch('view', { workspace });
    context.writeAddress();
  }

  return {
    hover(block) {
      if (get().view.hover !== block) patch('view', { hover: block });
    },
    openDialog(dialog) {
      patch('view', { dialog });
      if (dialog !== 'export') return;
      context.clear('export');
      forgetOtherExport();
    },
    openWorkspace,
    setSingleKeys: (on) => patch('view', { singleKeys: on }),
    setNotify(on) {
      patch('view', { notify: on });
      void choices?.remember('notify', on);
    },
    dismiss: context.clear,
    showError(place) {
      const where = ERROR_PLACES[place];
      patch('view', { dialog: where !== 'page' && 'dialog' in where ? where.dialog : null });
      if (where !== 'page' && 'workspace' in where) openWorkspace(where.workspace);
    },
    toast: context.toast,
    engineReplaced(error) {
      // A slow cancel also replaces the engine: what it was asked meanwhile is asked again. After a
      // fault nothing is asked again, so that one fault cannot repeat for ever.
      if (error.code === 'cancelled') {
        void others.checkDevice();
        void others.refreshMemory();
      } else context.toast(`${error.message} The engine was restarted.`);
    },
  };
}
