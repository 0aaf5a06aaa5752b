// How each criterion and its path are drawn in all charts and legends: colour, dashes, points.

import type { PathName } from '../../state/search/state.ts';

interface PathLook {
  stroke: string;
  dash: string;
  shape(cx: number, cy: number, r: number): string;
}

const circle = (cx: number, cy: number, r: number) =>
  `M${cx - r} ${cy} a${r} ${r} 0 1 0 ${2 * r} 0 a${r} ${r} 0 1 0 ${-2 * r} 0 z`;
const diamond = (cx: number, cy: number, r: number) =>
  `M${cx} ${cy - r - 1} l${r + 1} ${r + 1} l${-r - 1} ${r + 1} l${-r - 1} ${-r - 1} z`;
const square = (cx: number, cy: number, r: number) =>
  `M${cx - r} ${cy - r} h${2 * r} v${2 * r} h${-2 * r} z`;
const triangle = (cx: number, cy: number, r: number) =>
  `M${cx} ${cy - r - 1} l${r + 1} ${2 * r} h${-2 * r - 2} z`;

const LOOKS: Readonly<Record<PathName, PathLook>> = {
  iterative: { stroke: 'var(--leaf)', dash: '', shape: circle },
  ppl: { stroke: 'var(--gold)', dash: '6 3', shape: diamond },
  'mag-l1': { stroke: 'var(--cut)', dash: '2 3', shape: square },
  'mag-l2': { stroke: 'var(--edge)', dash: '8 3 2 3', shape: triangle },
  taylor: { stroke: 'var(--leaf)', dash: '5 2', shape: square },
  'block-influence': { stroke: 'var(--ink)', dash: '1 3', shape: diamond },
  'file-ppl': { stroke: 'var(--leaf)', dash: '3 2 1 2', shape: triangle },
  'file-order': { stroke: 'var(--ink)', dash: '10 4', shape: triangle },
  study: { stroke: 'var(--gold)', dash: '12 3', shape: circle },
  angular: { stroke: 'var(--muted)', dash: '4 4', shape: square },
};

export const pathLook = (name: PathName): PathLook => LOOKS[name];
