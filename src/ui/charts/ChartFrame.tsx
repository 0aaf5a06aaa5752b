// A figure whose chart fills it.

import type { ReactNode, Ref } from 'react';
import { ResponsiveContainer } from 'recharts';

interface Props {
  ref?: Ref<HTMLElement>;
  className: string | undefined;
  /** The chart in words. */
  label: string;
  testId: string;
  /** Pixels, before the size of the figure is known. */
  width: number;
  height: number;
  children: ReactNode;
}

export function ChartFrame({ ref, className, label, testId, width, height, children }: Props) {
  return (
    <figure ref={ref} className={className} aria-label={label} data-testid={testId}>
      <ResponsiveContainer width="100%" height="100%" initialDimension={{ width, height }}>
        {children}
      </ResponsiveContainer>
    </figure>
  );
}
