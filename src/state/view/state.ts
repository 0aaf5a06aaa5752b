// What the page shows beyond its numbers: the block under the pointer, dialogs, announcements.

import type { WorkspaceId } from '../../words/workspaces.ts';
import type { Slice } from '../slice.ts';

export type Dialog =
  | 'settings'
  | 'export'
  | 'interop'
  | 'help'
  | 'device'
  | 'kept'
  | 'report'
  | null;

/** A command that a message offers. */
export interface ToastAction {
  /** Id of the command. */
  command: string;
  label: string;
}

export interface ViewSlice {
  /** Block under the pointer or the focus, in all three views. */
  hover: number | null;
  dialog: Dialog;
  /** What the middle of the page shows; opening a model decides it. */
  workspace: WorkspaceId;
  /** A text that was dropped; a dialog asks what it is for. */
  dropped: { name: string; text: string } | null;
  /** Single letters run commands; can be switched off for speech input. */
  singleKeys: boolean;
  /**
   * A notification reports the end of a long job while the page is hidden; the browser may still
   * refuse.
   */
  notify: boolean;
  /** Last thing to be read aloud. */
  announcement: string;
  /** A short message that goes away by itself; counted so that equal ones show twice. */
  toast: { id: number; text: string; action?: ToastAction } | null;
  /** The last error, counted, and the place (`ErrorPlace`) where it is shown. */
  fault: { id: number; place: string } | null;
}

const first: ViewSlice = {
  hover: null,
  dialog: null,
  workspace: 'choose',
  dropped: null,
  singleKeys: true,
  notify: false,
  announcement: '',
  toast: null,
  fault: null,
};

export const VIEW: Slice<ViewSlice> = {
  first,
  keep: ({ workspace, toast, singleKeys, notify, dropped }) => ({
    ...first,
    workspace,
    toast,
    singleKeys,
    notify,
    dropped,
  }),
};
