// When a new version is offered, and when the page may be reloaded without a question.

import { runningWork } from '../running.ts';
import type { StudioState } from '../state.ts';

/** Not while anything runs: the reload would end it. */
export const offersUpdate = (state: StudioState): boolean =>
  state.site.updateReady && runningWork(state) === null && state.model.opening === null;

/** True while nothing was opened, dropped or asked: a reload loses nothing. */
export const isUntouched = ({ model, view, errors }: StudioState): boolean =>
  model.current === null &&
  model.opening === null &&
  model.chooser === null &&
  model.asking === null &&
  view.dialog === null &&
  view.dropped === null &&
  Object.keys(errors).length === 0;
