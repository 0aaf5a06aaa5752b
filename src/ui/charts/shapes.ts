// The shapes of points, as paths around a centre.

export const circle = (cx: number, cy: number, r: number) =>
  `M${cx - r} ${cy} a${r} ${r} 0 1 0 ${2 * r} 0 a${r} ${r} 0 1 0 ${-2 * r} 0 z`;
export const diamond = (cx: number, cy: number, r: number) =>
  `M${cx} ${cy - r - 1} l${r + 1} ${r + 1} l${-r - 1} ${r + 1} l${-r - 1} ${-r - 1} z`;
export const square = (cx: number, cy: number, r: number) =>
  `M${cx - r} ${cy - r} h${2 * r} v${2 * r} h${-2 * r} z`;
export const triangle = (cx: number, cy: number, r: number) =>
  `M${cx} ${cy - r - 1} l${r + 1} ${2 * r} h${-2 * r - 2} z`;
