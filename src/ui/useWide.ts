// Whether the window has room for columns.

import { useSyncExternalStore } from 'react';

/** From these widths in CSS pixels on: the style sheets say the same. */
const FROM = { blocksBeside: 760, resultBeside: 1180 } as const;

export function useWide(what: keyof typeof FROM = 'blocksBeside'): boolean {
  const query = `(min-width: ${FROM[what]}px)`;
  return useSyncExternalStore(
    (changed) => {
      const media = window.matchMedia(query);
      media.addEventListener('change', changed);
      return () => media.removeEventListener('change', changed);
    },
    () => window.matchMedia(query).matches,
  );
}
