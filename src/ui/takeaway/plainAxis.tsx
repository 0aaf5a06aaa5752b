// What figures that are drawn without the chart library share: their width and the type of axes.

import type { ReactNode } from 'react';

/** CSS pixels of a figure's chart. */
export const FIGURE_WIDTH = 760;

interface Props {
  x: number;
  y: number;
  anchor: 'start' | 'middle' | 'end';
  children: ReactNode;
}

export function AxisText({ x, y, anchor, children }: Props) {
  return (
    <text x={x} y={y} textAnchor={anchor} fontSize="11.5" fill="var(--muted)">
      {children}
    </text>
  );
}
