// How components reach the store: state by selector, actions, commands.

import { createContext, useCallback, useContext } from 'react';
import type { Actions } from '../state/actions.ts';
import { type Command, type CommandId, command } from '../state/commands.ts';
import type { StudioState } from '../state/state.ts';
import { type StudioStore, useStudioState } from '../state/store.ts';

export const StudioContext = createContext<StudioStore | null>(null);

function useStore(): StudioStore {
  const store = useContext(StudioContext);
  if (!store) throw new Error('There is no studio around this component.');
  return store;
}

/** The selected part of the state; select primitives, stored objects or memoised selectors only. */
export function useStudio<T>(selector: (state: StudioState) => T): T {
  return useStudioState(useStore(), selector);
}

export function useActions(): Actions {
  return useStore().actions;
}

export function useCanSaveFolder(): boolean {
  return useStore().canSaveFolder;
}

/** A command with its present state and a stable `run`. */
export function useCommand(id: CommandId): { command: Command; enabled: boolean; run: () => void } {
  const store = useStore();
  const one = command(id);
  const enabled = useStudioState(store, one.enabled);
  const run = useCallback(() => {
    const state = store.state.getState();
    if (one.enabled(state)) one.run(store.actions, state);
  }, [store, one]);
  return { command: one, enabled, run };
}

/** The store itself, for the few places that listen to the window. */
export function useStudioStore(): StudioStore {
  return useStore();
}
