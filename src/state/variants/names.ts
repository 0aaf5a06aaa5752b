// Keys and names of variants: a plan, the healing that it has, and its quantisation.

import { parseUnits, sublayerUnits, type Unit } from '../../units.ts';

/** Stand before the id of a healing, and before that of a quantisation, in a key. */
const SIGN = '@';
const QUANTISED_SIGN = '#';

/**
 * The removed units joined by commas, healing and quantisation behind them: "2,7@1f0c…#q4 9a2b…".
 */
export const variantKey = (
  removed: readonly Unit[],
  healing?: string | null,
  quantised?: string | null,
): string =>
  removed.join(',') +
  (healing ? `${SIGN}${healing}` : '') +
  (quantised ? `${QUANTISED_SIGN}${quantised}` : '');

export const removedOf = (key: string): Unit[] => parseUnits(unitsOf(key)).units ?? [];

/** Id of the healing of a variant; undefined for weights of the source. */
export const healingOfKey = (key: string): string | undefined => unquantised(key).split(SIGN)[1];

/** Id of the quantisation of a variant; undefined for weights as they are. */
export const quantisedOfKey = (key: string): string | undefined => key.split(QUANTISED_SIGN)[1];

const unquantised = (key: string): string => key.split(QUANTISED_SIGN)[0] ?? '';
const unitsOf = (key: string): string => unquantised(key).split(SIGN)[0] ?? '';

/** "original", "−3: 7, 8, 9", "−20: 2, 3, 5 …", "−1 and 1 sublayer: 3, 7.attn". */
export function defaultName(removed: readonly Unit[]): string {
  if (removed.length === 0) return 'original';
  const listed = removed.slice(0, 8).join(', ');
  const sublayers = sublayerUnits(removed).length;
  const blocks = removed.length - sublayers;
  const words = [
    blocks > 0 && String(blocks),
    sublayers > 0 && `${sublayers} sublayer${sublayers === 1 ? '' : 's'}`,
  ]
    .filter(Boolean)
    .join(' and ');
  return `−${words}: ${listed}${removed.length > 8 ? ' …' : ''}`;
}
