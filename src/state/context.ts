// What every action gets: the store, the studio, the disk; and the small helpers they share. Must
// not hold state of its own.

/** Hash of the page, so that Node tests need none. */
export interface Address {
  read(): string;
  write(hash: string): void;
}

import type { StoreApi } from 'zustand/vanilla';
import type { MeterApi } from '../contract/meter.ts';
import type { FolderSource } from '../contract/open.ts';
import type { ScoreSettings } from '../contract/score.ts';
import type { StudioApi } from '../contract/studio.ts';
import { type ErrorReport, isCancelled, toReport } from '../errors.ts';
import type { Disk } from './disk.ts';
import { firstState, type Place, type StudioState } from './state.ts';

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
  /** What the page remembers of switches between visits; nothing when missing. */
  choices?: {
    recall(name: string): Promise<boolean | null>;
    remember(name: string, on: boolean): Promise<void>;
  };
}

export interface Context extends Deps {
  store: StoreApi<StudioState>;
  get(): StudioState;
  /** Merges fields into one slice. */
  patch<K extends keyof StudioState>(
    slice: K,
    fields: { [F in keyof StudioState[K]]?: StudioState[K][F] },
  ): void;
  /** Shows an error at its place, unless it is a cancellation. */
  fail(place: Place, error: unknown): void;
  clear(place: Place): void;
  announce(text: string): void;
  toast(text: string): void;
}

export function makeContext(store: StoreApi<StudioState>, deps: Deps): Context {
  const patch: Context['patch'] = (slice, fields) =>
    store.setState((state) => ({ ...state, [slice]: { ...state[slice], ...fields } }));
  const announce = (text: string) => patch('view', { announcement: text });
  let toasts = 0;
  return {
    ...deps,
    store,
    get: store.getState,
    patch,
    announce,
    fail(place, error) {
      if (isCancelled(error)) return;
      const report: ErrorReport = toReport(error);
      patch('errors', { [place]: report });
      announce(`${report.message} ${report.hint}`);
    },
    clear(place) {
      if (!store.getState().errors[place]) return;
      store.setState((state) => {
        const { [place]: _, ...errors } = state.errors;
        return { ...state, errors };
      });
    },
    toast(text) {
      patch('view', { toast: { id: ++toasts, text }, announcement: text });
    },
  };
}

/**
 * Everything that belongs to the model that is open, back at its start; device and settings stay,
 * but for token ids, which are of its vocabulary.
 */
export function withoutModel(state: StudioState, sameFolder: boolean): StudioState {
  const first = firstState();
  const { text } = state.score.settings;
  const settings: ScoreSettings =
    text.kind === 'ids' && !sameFolder
      ? { ...state.score.settings, text: { kind: 'bundled' } }
      : state.score.settings;
  return {
    ...first,
    device: state.device,
    score: { ...first.score, settings },
    speed: { ...first.speed, auto: state.speed.auto },
    budget: { ...first.budget, kind: state.budget.kind },
    evaluate: { ...first.evaluate, form: { ...state.evaluate.form, segment: null, stride: null } },
    generate: { ...first.generate, form: { ...state.generate.form, mode: 'raw', turns: [] } },
    view: {
      ...first.view,
      toast: state.view.toast,
      singleKeys: state.view.singleKeys,
      notify: state.view.notify,
    },
  };
}

/**
 * The open model, read once more: what was chosen and measured stays, what was running has ended
 * with its files.
 */
export function withSameModel(state: StudioState): StudioState {
  const {
    score,
    effect,
    parts,
    criteria,
    stability,
    search,
    evaluate,
    interop,
    speed,
    budget,
    generate,
  } = state;
  const next = withoutModel(state, true);
  return {
    ...next,
    plan: state.plan,
    score: {
      ...next.score,
      memory: score.memory,
      curve: score.curve,
      stopped: score.curve ? null : (score.running ?? score.stopped),
    },
    parts: { ...next.parts, view: parts.view, result: parts.result },
    criteria: { ...criteria, running: null, progress: null },
    stability: { ...stability, running: null, progress: null },
    search: {
      ...next.search,
      form: search.form,
      path: search.path && {
        ...search.path,
        ended: search.path.ended ?? 'cancelled',
        candidates: [],
      },
      measured: search.measured,
    },
    evaluate: {
      ...next.evaluate,
      form: evaluate.form,
      shown: evaluate.shown,
      results: evaluate.results,
    },
    interop,
    effect: { ...next.effect, known: effect.known, shown: effect.shown },
    speed: {
      ...next.speed,
      known: speed.known,
      shown: speed.shown,
      notes: speed.notes,
      sweep: { ...next.speed.sweep, shown: speed.sweep.shown },
    },
    budget: { ...budget, running: false },
    generate: { ...next.generate, form: generate.form, shown: generate.shown },
    variants: state.variants,
    export: { ...next.export, dtype: state.export.dtype, sizes: state.export.sizes },
  };
}
