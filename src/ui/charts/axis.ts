// How the numbers along an axis look, in every chart.

export const TICK = { fill: 'var(--muted)', fontSize: 11.5 };
