// What the axes and lines of all charts have in common.

const TICK = { fill: 'var(--muted)', fontSize: 11.5 };

export const X_AXIS = {
  type: 'number',
  tick: TICK,
  tickLine: false,
  axisLine: { stroke: 'var(--line)' },
} as const;

export const Y_AXIS = { tick: TICK, tickLine: false, axisLine: false } as const;

/** A line that neither moves nor answers the pointer. */
export const STILL = { activeDot: false, isAnimationActive: false } as const;

/** The layer of points in recharts: over lines and axes, under labels. */
export const ABOVE_LINES = 600;

/** What recharts hands to the renderer of a point. */
export interface DotProps<Datum> {
  cx?: number | undefined;
  cy?: number | undefined;
  payload?: Datum;
}

const LABEL = { fill: 'var(--muted)', fontSize: 11.5 } as const;

/** The title below a horizontal axis. */
export const titleBelow = (value: string) =>
  ({ ...LABEL, value, position: 'bottom', offset: 2 }) as const;

/** A long title above a vertical axis, from its left edge on. */
export const longTitleAbove = (value: string, dy = -22) =>
  ({ ...LABEL, value, position: 'insideTopLeft', dx: 2, dy, width: 600 }) as const;
