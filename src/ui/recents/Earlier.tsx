// What the first page has of earlier visits; loads only when there is something.

import { lazy, Suspense } from 'react';
import { useStudio } from '../studioContext.ts';

const EarlierLists = lazy(() => import('./EarlierLists.tsx'));

export function Earlier() {
  const hasAny = useStudio(
    ({ recents, kept }) => recents.folders.length > 0 || (kept.models?.length ?? 0) > 0,
  );
  if (!hasAny) return null;
  return (
    <Suspense>
      <EarlierLists />
    </Suspense>
  );
}
