// The line and point of a criterion or path, for legends.

import type { PathName } from '../../state/search/state.ts';
import { pathLook } from '../charts/pathLook.ts';

export function Sign({ name }: { name: PathName }) {
  const { stroke, dash, shape } = pathLook(name);
  return (
    <svg viewBox="0 0 30 12" width="30" height="12" aria-hidden="true">
      <line x1="0" x2="30" y1="6" y2="6" stroke={stroke} strokeWidth="2" strokeDasharray={dash} />
      <path
        d={shape(15, 6, 3.5)}
        fill={name === 'iterative' ? stroke : 'var(--card)'}
        stroke={stroke}
        strokeWidth="1.6"
      />
    </svg>
  );
}
