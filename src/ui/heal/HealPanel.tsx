// Healing: the form, the training while it runs, what came of it, what is kept.

import { shownHealing } from '../../state/heal/selectors.ts';
import { HEAL } from '../../words/heal.ts';
import { InterruptedCards } from '../interrupted/InterruptedCard.tsx';
import { ErrorNotice } from '../kit/ErrorNotice.tsx';
import kit from '../kit/kit.module.css';
import { Panel } from '../kit/Panel.tsx';
import { useStudio } from '../studioContext.ts';
import { HealForm } from './HealForm.tsx';
import { HealOutcome } from './HealOutcome.tsx';
import { HealRunning } from './HealRunning.tsx';
import { KeptHealings } from './KeptHealings.tsx';

/** What came of a healing stands before the form for the next one; what runs, alone. */
export function HealPanel() {
  const running = useStudio((state) => state.heal.running !== null);
  const healed = useStudio((state) => shownHealing(state) !== null);
  return (
    <>
      {healed && !running && (
        <Panel id="healed" title={HEAL.healed} testId="healed-panel">
          <HealOutcome />
        </Panel>
      )}
      <Panel id="heal" title={HEAL.title} sub={HEAL.sub} testId="heal-panel">
        <div className={kit.stack}>
          <ErrorNotice place="heal" />
          {!running && <InterruptedCards only="heal" />}
          {running ? <HealRunning /> : <HealForm />}
          <KeptHealings />
        </div>
      </Panel>
    </>
  );
}
