// What every action gets: the store, the studio, the disk; and the small helpers they share.

import type { StoreApi } from 'zustand/vanilla';
import type { MeterApi } from '../contract/meter.ts';
import type { FolderSource } from '../contract/open.ts';
import type { StudioApi } from '../contract/studio.ts';
import { type ErrorReport, isCancelled, toReport } from '../errors.ts';
import type { KeptShelf } from '../files/keptStudies.ts';
import type { RecentShelf } from '../files/recentFolders.ts';
import { toHash } from './address.ts';
import type { Disk } from './disk.ts';
import { makeNewest, type Newest } from './newest.ts';
import { makeRecogniser, type Recogniser } from './open/sameModel.ts';
import type { ErrorPlace, StudioState } from './state.ts';
import type { ToastAction } from './view/state.ts';

/** Hash of the page, so that Node tests need none. */
export interface Address {
  read(): string;
  write(hash: string): void;
}

export interface Deps {
  api: StudioApi;
  /** Measures speed and generates, on workers of its own. */
  meter: MeterApi;
  disk: Disk;
  /** The model behind "Try the sample". */
  sample: { source: FolderSource; graph: string };
  /** Wait after a plan change before its perplexity is asked for, in ms. */
  planDelayMs: number;
  /**
   * How long a plan stays still before its speed is measured by itself, in ms; a second when
   * missing.
   */
  settleMs?: number;
  now(): number;
  /** The date in ms since 1970; that of the system when missing. */
  date?(): number;
  /** Keeps what is measured of models between visits; nothing is kept when missing. */
  kept?: KeptShelf;
  /** Remembers folders that were opened; none when missing. */
  recents?: RecentShelf;
  /** Reloads the page, into a new version of the site where one is ready; nothing when missing. */
  reloadPage?(): void;
  /** What the page remembers of switches and settings between visits; nothing when missing. */
  choices?: {
    recall(name: string): Promise<boolean | null>;
    remember(name: string, on: boolean): Promise<void>;
    recallNumbers(name: string): Promise<readonly number[] | null>;
    rememberNumbers(name: string, numbers: readonly number[]): Promise<void>;
  };
}

export interface Context extends Deps {
  address: Address;
  date(): number;
  /** Recognises models by their files. */
  recogniser: Recogniser;
  store: StoreApi<StudioState>;
  get(): StudioState;
  /** Merges fields into one slice. */
  patch<K extends keyof StudioState>(
    slice: K,
    fields: { [F in keyof StudioState[K]]?: StudioState[K][F] },
  ): void;
  /** Writes plan and workspace into the address bar. */
  writeAddress(): void;
  /** Shows an error at its place, unless it is a cancellation. */
  fail(place: ErrorPlace, error: unknown): void;
  clear(place: ErrorPlace): void;
  announce(text: string): void;
  /** A short message that goes away by itself; an action makes a button of it. */
  toast(text: string, action?: ToastAction): void;
  /** For requests of one kind about the open model. */
  newest(): Newest;
  /** What ends with the store: timers, subscriptions, running measurements. */
  onDispose(end: () => void): void;
}

export function makeContext(
  store: StoreApi<StudioState>,
  deps: Deps,
  address: Address,
): Context & { dispose(): void } {
  const patch: Context['patch'] = (slice, fields) =>
    store.setState((state) => ({ ...state, [slice]: { ...state[slice], ...fields } }));
  const announce = (text: string) => patch('view', { announcement: text });
  let toasts = 0;
  const ends: (() => void)[] = [];
  return {
    ...deps,
    address,
    date: deps.date ?? Date.now,
    recogniser: makeRecogniser(deps.api),
    store,
    get: store.getState,
    patch,
    announce,
    writeAddress() {
      const { plan, view } = store.getState();
      address.write(toHash(plan.present.removed, view.workspace));
    },
    fail(place, error) {
      if (isCancelled(error)) return;
      const report: ErrorReport = toReport(error);
      patch('errors', { [place]: report });
      patch('view', { fault: { id: ++toasts, place } });
      announce(`${report.message} ${report.hint}`);
    },
    clear(place) {
      if (!store.getState().errors[place]) return;
      store.setState((state) => {
        const { [place]: _, ...errors } = state.errors;
        return { ...state, errors };
      });
    },
    toast(text, action) {
      const toast = { id: ++toasts, text, ...(action && { action }) };
      patch('view', { toast, announcement: text });
    },
    newest: () => makeNewest(() => store.getState().model.current),
    onDispose: (end) => void ends.push(end),
    dispose() {
      for (const end of ends) end();
    },
  };
}
