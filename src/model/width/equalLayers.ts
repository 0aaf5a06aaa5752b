// Whether all blocks of a width plan lose the same.

import type { WidthPlan } from './types.ts';

/** What blocks lose different numbers of, or null where all lose the same. */
export function unequalLayers({ blocks }: WidthPlan): string | null {
  const differ = (counts: readonly number[]): boolean => new Set(counts).size > 1;
  if (differ(blocks.map(({ groups }) => groups.length))) return 'key-value groups';
  return differ(blocks.map(({ channels }) => channels.length)) ? 'channels' : null;
}
