// Which kept models belong to the lineage of the open one: they were made from each other, or from
// the same source. Pure.

import type { KeptAbout, KeptOrigin } from '../../files/keptStudies.ts';
import { keyOfIdentity } from '../open/sameModel.ts';
import type { OpenModel } from '../open/state.ts';

/** What an opened folder was made from; undefined for one that is no export of ours. */
export const originOf = ({ madeFrom }: Pick<OpenModel, 'madeFrom'>): KeptOrigin | undefined =>
  madeFrom
    ? {
        key: keyOfIdentity(madeFrom.identity),
        name: madeFrom.sourceName,
        removed: madeFrom.removed,
      }
    : undefined;

/**
 * The relatives of a model among those that something is kept of, without itself.
 * @param own its key, null where its files cannot be read, and the key of what it was made from
 */
export function lineageOf(
  models: readonly KeptAbout[],
  own: { key: string | null; origin: string | null },
): KeptAbout[] {
  const origins = new Map(models.map(({ key, origin }) => [key, origin?.key ?? null]));
  if (own.key !== null) origins.set(own.key, own.origin);
  const rootOf = (key: string): string => {
    const passed = new Set<string>();
    let at = key;
    for (let next = origins.get(at); next && !passed.has(next); next = origins.get(at)) {
      passed.add(at);
      at = next;
    }
    return at;
  };
  const start = own.origin ?? own.key;
  if (start === null) return [];
  const root = rootOf(start);
  return models.filter(({ key }) => key !== own.key && rootOf(key) === root);
}
