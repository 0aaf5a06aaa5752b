// The quantisations that are kept for the model: of which plan, how large, to be shown or erased.

import { agoWords } from '../../ago.ts';
import type { KeptQuantisation } from '../../contract/quantise.ts';
import { formatBytes } from '../../quantities.ts';
import { hasLostHealing, wordsOf } from '../../state/quantise/selectors.ts';
import { defaultName } from '../../state/variants/names.ts';
import { KEPT } from '../../words/quantise.ts';
import kit from '../kit/kit.module.css';
import { KeptList, KeptRow } from '../kit/workspace/KeptList.tsx';
import { useActions, useStudio } from '../studioContext.ts';
import { useMinute } from '../useMinute.ts';

export function KeptQuantisations() {
  const shelf = useStudio((state) => state.quantise.shelf);
  if (!shelf || shelf.quantisations.length === 0) return null;
  const { quantisations, bytes, mostBytes } = shelf;
  return (
    <KeptList
      title={KEPT.title}
      count={quantisations.length}
      size={KEPT.size(formatBytes(bytes), formatBytes(mostBytes))}
      testId="quantise-kept-list"
    >
      {quantisations.map((one) => (
        <Kept key={one.id} one={one} />
      ))}
    </KeptList>
  );
}

function Kept({ one }: { one: KeptQuantisation }) {
  const shown = useStudio((state) => state.quantise.shown === one.id);
  const isLost = useStudio((state) => hasLostHealing(state, one));
  const actions = useActions();
  const now = useMinute();
  const name = `${defaultName(one.quantisation.removed)}, ${wordsOf(one)}`;
  const about = [
    agoWords(now - one.savedAt),
    formatBytes(one.bytes),
    !one.stored && KEPT.notStored,
    isLost && KEPT.lostHealing,
  ]
    .filter((words) => words !== false)
    .join(', ');
  return (
    <KeptRow name={name} about={about} testId="quantise-kept-row">
      <button
        type="button"
        aria-pressed={shown}
        aria-label={`${KEPT.show}: ${name}`}
        onClick={() => actions.showQuantisation(one.id)}
      >
        {KEPT.show}
      </button>
      <button
        type="button"
        className={kit.quiet}
        aria-label={`${KEPT.erase}: ${name}`}
        onClick={() => void actions.forgetQuantisation(one.id)}
      >
        {KEPT.erase}
      </button>
    </KeptRow>
  );
}
