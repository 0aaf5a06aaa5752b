// How each criterion and its path are drawn in all charts and legends: colour, dashes, points.

import type { PathName } from '../../state/search/state.ts';
import { circle, diamond, square, triangle } from './shapes.ts';

export interface PathLook {
  stroke: string;
  dash: string;
  shape(cx: number, cy: number, r: number): string;
}

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
