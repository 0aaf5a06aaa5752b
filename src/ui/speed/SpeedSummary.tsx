// The speed of the plan beside the plan; its lines load after the first page.

import { lazy, Suspense } from 'react';

const SummaryLines = lazy(async () => ({
  default: (await import('./SummaryLines.tsx')).SummaryLines,
}));

/** As high as its lines, so that nothing jumps when they come. */
const SPACE = { height: 108 };

export function SpeedSummary() {
  return (
    <Suspense fallback={<div style={SPACE} />}>
      <SummaryLines />
    </Suspense>
  );
}
