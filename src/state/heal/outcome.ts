// What a healing has come to: whether it has made the plan worse on what it has not seen, and the
// shelf with it. Pure.

import type { HealingShelf, HealOutcome, KeptHealing } from '../../contract/heal.ts';
import { type HealedMeasure, unseenMeasure } from '../../model/healing/healing.ts';

export interface Judged {
  /** What counts: the held-out part of its text, else the foreign text, else what it has seen. */
  measured: HealedMeasure | null;
  /** The same where the loss has risen on it; null where it has not, or nothing unseen tells. */
  rose: HealedMeasure | null;
}

/** True where the best state of the training was its start. */
export const trainedNothing = ({ record }: Pick<KeptHealing, 'record'>): boolean =>
  record.steps.some(({ method, kept }) => method !== 'refit' && kept === 0);

export function judged({ record }: Pick<KeptHealing, 'record'>): Judged {
  const unseen = unseenMeasure(record.measured);
  const rose = unseen === null || unseen.healed <= unseen.pruned ? null : unseen;
  return { measured: unseen ?? record.measured[0] ?? null, rose };
}

/** The shelf once this healing is on it, in place of an equal one. */
export function shelfWith(
  shelf: HealingShelf | null,
  { healing, gone, bytes, mostBytes }: HealOutcome,
): HealingShelf {
  const away = new Set([healing.id, ...gone.map(({ id }) => id)]);
  const others = shelf?.healings.filter(({ id }) => !away.has(id)) ?? [];
  return { healings: [healing, ...others], bytes, mostBytes };
}
