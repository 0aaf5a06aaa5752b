// How the rows of "Width or depth?" are drawn in its charts and legend: colour and shape.

import type { WidthRowId } from '../../../state/width/selectors.ts';
import type { PathLook } from '../pathLook.ts';
import { circle, diamond, square, triangle } from '../shapes.ts';

interface WidthLook extends Pick<PathLook, 'stroke' | 'shape'> {
  filled: boolean;
}

const LOOKS: Readonly<Record<WidthRowId, WidthLook>> = {
  original: { stroke: 'var(--edge)', shape: circle, filled: false },
  depth: { stroke: 'var(--leaf)', shape: circle, filled: true },
  'wanda-sp': { stroke: 'var(--gold)', shape: diamond, filled: true },
  flap: { stroke: 'var(--cut)', shape: square, filled: true },
  'flap-plain': { stroke: 'var(--cut)', shape: square, filled: false },
  'llm-pruner': { stroke: 'var(--ink)', shape: triangle, filled: true },
};

export const widthLook = (id: WidthRowId): WidthLook => LOOKS[id];
