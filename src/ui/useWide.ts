// Whether the window has room for columns.

import { useSyncExternalStore } from 'react';

const query = () => window.matchMedia('(min-width: 760px)');

export function useWide(): boolean {
  return useSyncExternalStore(
    (changed) => {
      const media = query();
      media.addEventListener('change', changed);
      return () => media.removeEventListener('change', changed);
    },
    () => query().matches,
  );
}
