// The healings that are kept for the model: of which plan, how large, to be used or erased.

import { agoWords } from '../../ago.ts';
import type { KeptHealing } from '../../contract/heal.ts';
import { formatBytes } from '../../quantities.ts';
import { listUnits } from '../../state/plan/unitWords.ts';
import { HEAL, keptSize, methodsWords, without } from '../../words/heal.ts';
import kit from '../kit/kit.module.css';
import { KeptList, KeptRow } from '../kit/workspace/KeptList.tsx';
import { useActions, useStudio } from '../studioContext.ts';
import { useMinute } from '../useMinute.ts';

export function KeptHealings() {
  const shelf = useStudio((state) => state.heal.shelf);
  if (!shelf || shelf.healings.length === 0) return null;
  const { healings, bytes, mostBytes } = shelf;
  return (
    <KeptList
      title={HEAL.kept}
      count={healings.length}
      size={keptSize(formatBytes(bytes), formatBytes(mostBytes))}
      testId="heal-kept"
    >
      {healings.map((healing) => (
        <Kept key={healing.id} healing={healing} />
      ))}
    </KeptList>
  );
}

function Kept({ healing }: { healing: KeptHealing }) {
  const shown = useStudio((state) => state.heal.shown === healing.id);
  const active = useStudio((state) => state.plan.present.healing === healing.id);
  const actions = useActions();
  // A hook by its name only.
  const { useHealing: apply } = actions;
  const now = useMinute();
  const { id, methods, removed, bytes, savedAt, stored } = healing;
  const name = `${methodsWords(methods)}, ${without(listUnits(removed))}`;
  return (
    <KeptRow
      name={name}
      about={`${agoWords(now - savedAt)}, ${formatBytes(bytes)}${
        stored ? '' : `, ${HEAL.notStored}`
      }`}
      testId="heal-kept-row"
    >
      <button type="button" aria-pressed={shown} onClick={() => actions.showHealing(id)}>
        {HEAL.show}
      </button>
      <button
        type="button"
        aria-disabled={active}
        aria-label={`${HEAL.useShort}: ${name}`}
        onClick={() => !active && apply(id)}
      >
        {active ? HEAL.inUse : HEAL.useShort}
      </button>
      <button
        type="button"
        className={kit.quiet}
        aria-label={`${HEAL.erase}: ${name}`}
        data-testid="heal-erase"
        onClick={() => void actions.forgetHealing(id)}
      >
        {HEAL.erase}
      </button>
    </KeptRow>
  );
}
