// The dialogs over the page by the name the state gives them; the rarer ones load when opened.

import { type ComponentType, lazy } from 'react';
import type { Dialog } from '../state/view/state.ts';
import { SettingsDialog } from './score/SettingsDialog.tsx';

export const DIALOGS: Readonly<Record<NonNullable<Dialog>, ComponentType>> = {
  settings: SettingsDialog,
  export: lazy(() => import('./export/ExportDialog.tsx')),
  interop: lazy(() => import('./interop/InteropDialog.tsx')),
  device: lazy(() => import('./device/DeviceDialog.tsx')),
  kept: lazy(() => import('./kept/KeptDialog.tsx')),
  report: lazy(() => import('./takeaway/ReportDialog.tsx')),
  help: lazy(() => import('./shell/HelpDialog.tsx')),
};
