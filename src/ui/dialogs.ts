// The dialogs over the page, by the name that the state gives them.

import type { ComponentType } from 'react';
import type { Dialog } from '../state/view/state.ts';
import { DeviceDialog } from './device/DeviceDialog.tsx';
import { ExportDialog } from './export/ExportDialog.tsx';
import { InteropDialog } from './interop/InteropDialog.tsx';
import { SettingsDialog } from './score/SettingsDialog.tsx';
import { HelpDialog } from './shell/HelpDialog.tsx';

export const DIALOGS: Readonly<Record<NonNullable<Dialog>, ComponentType>> = {
  settings: SettingsDialog,
  export: ExportDialog,
  interop: InteropDialog,
  device: DeviceDialog,
  help: HelpDialog,
};
