// Small notes on kept results: when the curve was scored, that results are looked for, and the way
// to the list of them.

import { KEPT, scoredAgo } from '../../words/kept.ts';
import { CommandButton } from '../kit/CommandButton.tsx';
import kit from '../kit/kit.module.css';
import { useStudio } from '../studioContext.ts';
import { useMinute } from '../useMinute.ts';

/** Stands before what the curve was measured on. */
export function ScoredAgo() {
  const curve = useStudio((state) => state.score.curve);
  const now = useMinute();
  if (!curve || curve.restored) return null;
  return <span data-testid="scored-ago">{scoredAgo(now - curve.id)}</span>;
}

export function KeptLooking() {
  const looking = useStudio((state) => state.kept.looking && !state.score.curve);
  return looking ? <p className={kit.note}>{KEPT.looking}</p> : null;
}

/** Opens the list of what is kept; absent while nothing is. */
export function KeptButton() {
  const hasAny = useStudio((state) => (state.kept.models?.length ?? 0) > 0);
  return hasAny ? <CommandButton id="kept" /> : null;
}
