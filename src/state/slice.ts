// A slice of the store: its first value, what of it stays when a model is opened, and what of it is
// kept with its model between visits.

import type { KeptPart } from './kept/part.ts';

/**
 * What was opened: `new-model`, another folder than before; `same-folder`, another graph of the
 * folder, its files after they changed, or the first model of the page; `same-model`, the model
 * that was open, read once more.
 */
export type Opened = 'new-model' | 'same-folder' | 'same-model';

export interface Slice<S> {
  first: S;
  /**
   * The slice after a model was opened. Whatever ran has ended with the files of the model before.
   */
  keep(slice: S, opened: Opened): S;
  /** What is stored of it, and back when the model is opened again; nothing when absent. */
  kept?: KeptPart<S>;
}

/** A slice of the person or the machine: no model changes it. */
export const kept = <S>(first: S): Slice<S> => ({ first, keep: (slice) => slice });

/** A slice of one opening, dropped with it. */
export const reset = <S>(first: S): Slice<S> => ({ first, keep: () => first });

/** A slice of the model: `idle` is what stays when the same one is read once more. */
export const ofModel = <S>(first: S, idle: (slice: S) => S, keptPart?: KeptPart<S>): Slice<S> => ({
  first,
  keep: (slice, opened) => (opened === 'same-model' ? idle(slice) : first),
  ...(keptPart && { kept: keptPart }),
});
