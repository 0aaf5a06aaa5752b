// One refit as the page makes it by itself, and what came of those that were made before.

import type { HealRequest } from '../../contract/heal.ts';
import type { Progress } from '../../contract/progress.ts';
import type { HealingStep } from '../../model/healing/healing.ts';
import type { Context } from '../context.ts';
import { healKey } from '../keys.ts';
import type { StudioState } from '../state.ts';
import { judged, shelfWith } from './outcome.ts';
import { healingOf } from './state.ts';

/**
 * What a refit that was made before has come to: its healing, or null where the loss has risen on
 * what it has not seen; undefined where none was made, or it is gone.
 */
export function knownRefit({ heal }: StudioState, request: HealRequest): string | null | undefined {
  const known = heal.refitted.get(healKey(request));
  return known === null || healingOf(heal, known) ? known : undefined;
}

/**
 * Seconds that a refit takes at most, by the last one with its settings: each removed unit may be a
 * run of its own, with a product to solve for. Null where there was none to go by.
 */
export function secondsAsBefore({ heal }: StudioState, request: HealRequest): number | null {
  const [asked] = request.methods;
  // Without a number of windows, the text decides.
  if (asked?.method !== 'refit' || asked.samples === null) return null;
  const { method, ...settings } = asked;
  const like = (step: HealingStep | undefined): boolean =>
    step?.method === method &&
    Object.entries(settings).every(([name, value]) => step.settings[name] === value);
  const last = heal.shelf?.healings.find(
    ({ methods, record }) => methods.length === 1 && like(record.steps[0]),
  );
  if (!last) return null;
  const solved = Math.max(1, last.record.steps[0]?.blocks.length ?? 1);
  return last.seconds * Math.max(1, asked.all ? 1 : request.removed.length / solved);
}

/**
 * Refits a plan; the healing is on the shelf afterwards.
 * @returns its id, or null where the loss has risen on what it has not seen
 * @throws EspalierError as `StudioApi.refit`
 */
export async function refitPlan(
  { api, get, patch }: Context,
  request: HealRequest,
  onProgress: (progress: Progress) => void,
): Promise<string | null> {
  const { current } = get().model;
  const outcome = await api.refit(request, onProgress);
  const id = judged(outcome.healing).rose ? null : outcome.healing.id;
  if (get().model.current === current)
    patch('heal', {
      shelf: shelfWith(get().heal.shelf, outcome),
      refitted: new Map(get().heal.refitted).set(healKey(request), id),
    });
  return id;
}
