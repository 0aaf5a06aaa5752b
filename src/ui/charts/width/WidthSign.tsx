// The mark of a row of "Width or depth?", in charts and legends.

import type { WidthRowId } from '../../../state/width/selectors.ts';
import { widthLook } from './widthLook.ts';

export function WidthSign({ id, cx, cy, r = 4.5 }: Record<'cx' | 'cy', number> & Sign) {
  const { stroke, shape, filled } = widthLook(id);
  return (
    <path
      d={shape(cx, cy, r)}
      fill={filled ? stroke : 'var(--card)'}
      stroke={stroke}
      strokeWidth={1.8}
    />
  );
}

interface Sign {
  id: WidthRowId;
  r?: number;
}
