// How the path of each criterion is drawn, the same in chart and legend: colour, dashes and shape of its points.

interface PathLook {
  stroke: string;
  dash: string;
  shape(cx: number, cy: number, r: number): string;
}

const circle = (cx: number, cy: number, r: number) => `M${cx - r} ${cy} a${r} ${r} 0 1 0 ${2 * r} 0 a${r} ${r} 0 1 0 ${-2 * r} 0 z`;
const diamond = (cx: number, cy: number, r: number) => `M${cx} ${cy - r - 1} l${r + 1} ${r + 1} l${-r - 1} ${r + 1} l${-r - 1} ${-r - 1} z`;
const square = (cx: number, cy: number, r: number) => `M${cx - r} ${cy - r} h${2 * r} v${2 * r} h${-2 * r} z`;
const triangle = (cx: number, cy: number, r: number) => `M${cx} ${cy - r - 1} l${r + 1} ${2 * r} h${-2 * r - 2} z`;

const ITERATIVE: PathLook = { stroke: 'var(--leaf)', dash: '', shape: circle };

const ONE_SHOT: readonly PathLook[] = [
  { stroke: 'var(--gold)', dash: '6 3', shape: diamond },
  { stroke: 'var(--cut)', dash: '2 3', shape: square },
  { stroke: 'var(--edge)', dash: '8 3 2 3', shape: triangle },
  { stroke: 'var(--ink)', dash: '1 3', shape: diamond },
  { stroke: 'var(--muted)', dash: '4 4', shape: square },
];

/** Of the path with this name among all that are drawn. */
export function pathLook(series: readonly { name: string }[], name: string): PathLook {
  if (name === 'iterative') return ITERATIVE;
  const at = series.filter((one) => one.name !== 'iterative').findIndex((one) => one.name === name);
  return ONE_SHOT[Math.max(0, at) % ONE_SHOT.length]!;
}
