// Keys and names of variants: a plan, and the healing that it has.

import { parseUnits, sublayerUnits, type Unit } from '../../units.ts';

/** Stands between the units of a key and the id of its healing. */
const SIGN = '@';

/** The removed units joined by commas, with the healing behind them: "2,7@1f0c…". */
export const variantKey = (removed: readonly Unit[], healing?: string | null): string =>
  `${removed.join(',')}${healing ? `${SIGN}${healing}` : ''}`;

export const removedOf = (key: string): Unit[] => parseUnits(unitsOf(key)).units ?? [];

/** Id of the healing of a variant; undefined for weights of the source. */
export const healingOfKey = (key: string): string | undefined => key.split(SIGN)[1];

const unitsOf = (key: string): string => key.split(SIGN)[0] ?? '';

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
