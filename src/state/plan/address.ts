// The plan in the address bar, `#plan=3,7-9`.

import { formatUnits, parseUnits, type Unit } from '../../units.ts';

export function planToHash(removed: readonly Unit[]): string {
  return removed.length ? `#plan=${formatUnits(removed)}` : '';
}

/** The plan of a hash: none removed when the hash is empty, null when it cannot be read. */
export function planFromHash(hash: string): Unit[] | null {
  const text = /(?:^#|&)plan=([^&]*)/.exec(hash)?.[1] ?? (hash.length < 2 ? '' : null);
  if (!text) return text === '' ? [] : null;
  try {
    return parseUnits(decodeURIComponent(text)).units;
  } catch {
    return null;
  }
}
