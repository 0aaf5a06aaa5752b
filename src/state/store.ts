// The one store of the page: puts state and actions together.

import { useStore } from 'zustand';
import { createStore as createVanilla, type StoreApi } from 'zustand/vanilla';
import { type Actions, makeActions } from './actions.ts';
import { type Address, type Deps, makeContext } from './context.ts';
import { makeSpeedJob } from './speed/job.ts';
import { firstState, type StudioState } from './state.ts';

export interface StudioStore {
  state: StoreApi<StudioState>;
  actions: Actions;
  /** What the disk of this browser can do. */
  canSaveFolder: boolean;
  /** Ends timers, subscriptions and measurements. */
  dispose(): void;
}

export function createStudioStore(deps: Deps, address: Address): StudioStore {
  const state = createVanilla<StudioState>(() => firstState());
  const context = makeContext(state, deps, address);
  const actions = makeActions({ ...context, speedJob: makeSpeedJob(context) });
  return {
    state,
    actions,
    canSaveFolder: deps.disk.canSaveFolder(),
    dispose: context.dispose,
  };
}

/** React's view of the store: re-renders when the selected value changes. */
export function useStudioState<T>(store: StudioStore, selector: (state: StudioState) => T): T {
  return useStore(store.state, selector);
}
