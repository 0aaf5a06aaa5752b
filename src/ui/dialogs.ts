// The dialogs over the page by the name the state gives them; the rarer ones load when opened.

import { type ComponentType, lazy } from 'react';
import type { Dialog } from '../state/view/state.ts';
import { ExportDialog } from './export/ExportDialog.tsx';
import { SettingsDialog } from './score/SettingsDialog.tsx';

export const DIALOGS: Readonly<Record<NonNullable<Dialog>, ComponentType>> = {
  settings: SettingsDialog,
  export: ExportDialog,
  interop: lazy(() => import('./interop/InteropDialog.tsx')),
  device: lazy(() => import('./device/DeviceDialog.tsx')),
  kept: lazy(() => import('./kept/KeptDialog.tsx')),
  help: lazy(() => import('./shell/HelpDialog.tsx')),
};
