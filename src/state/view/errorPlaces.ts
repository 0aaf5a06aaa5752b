// Where on the page each error is shown: in which workspace or dialog, if in one.

import type { WorkspaceId } from '../../words/workspaces.ts';
import type { ErrorPlace } from '../state.ts';
import type { Dialog } from './state.ts';

/** A workspace, a dialog, or `page`: above or beside the workspaces, always there. */
export const ERROR_PLACES: Readonly<
  Record<ErrorPlace, { workspace: WorkspaceId } | { dialog: NonNullable<Dialog> } | 'page'>
> = {
  open: 'page',
  device: 'page',
  plan: 'page',
  score: { workspace: 'choose' },
  sublayers: { workspace: 'choose' },
  restore: { workspace: 'choose' },
  goal: { workspace: 'choose' },
  criteria: { workspace: 'compare' },
  search: { workspace: 'compare' },
  stability: { workspace: 'compare' },
  heal: { workspace: 'heal' },
  quantise: { workspace: 'quantise' },
  evaluate: { workspace: 'quality' },
  tasks: { workspace: 'tasks' },
  generate: { workspace: 'quality' },
  speed: { workspace: 'speed' },
  width: { workspace: 'speed' },
  lineage: { workspace: 'variants' },
  interop: { dialog: 'interop' },
  export: { dialog: 'export' },
};
