// The line and point of a criterion or path, for legends.

import type { PathName } from '../../state/search/state.ts';
import { pathLook } from '../charts/pathLook.ts';

export function Sign({ name }: { name: PathName }) {
  return (
    <svg viewBox="0 0 30 12" width="30" height="12" aria-hidden="true">
      <SignMarks name={name} />
    </svg>
  );
}

/** The same within an SVG, in a box of 30 x 12. */
export function SignMarks({ name }: { name: PathName }) {
  const { stroke, dash, shape } = pathLook(name);
  return (
    <>
      <line x1="0" x2="30" y1="6" y2="6" stroke={stroke} strokeWidth="2" strokeDasharray={dash} />
      <path
        d={shape(15, 6, 3.5)}
        fill={name === 'iterative' ? stroke : 'var(--card)'}
        stroke={stroke}
        strokeWidth="1.6"
      />
    </>
  );
}
