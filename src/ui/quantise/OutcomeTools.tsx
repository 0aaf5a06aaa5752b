// What to do with a quantisation: use it for its plan, export with it, measure its speed.

import type { KeptQuantisation } from '../../contract/quantise.ts';
import { writtenAs } from '../../state/export/selectors.ts';
import { hasLostHealing } from '../../state/quantise/selectors.ts';
import { OUTCOME } from '../../words/quantise.ts';
import { healingGone } from '../../words/quantising.ts';
import kit from '../kit/kit.module.css';
import { useActions, useStudio } from '../studioContext.ts';

export function OutcomeTools({ quantised }: { quantised: KeptQuantisation }) {
  const { id, dtype } = quantised;
  const isLost = useStudio((state) => hasLostHealing(state, quantised));
  const active = useStudio((state) => {
    const written = writtenAs(state, dtype);
    return written.by === 'result' && written.result.id === id;
  });
  const actions = useActions();
  // A hook by its name only.
  const { useQuantisation: apply } = actions;
  if (isLost)
    return (
      <p data-testid="quantise-lost">
        {healingGone.message} {healingGone.hint}
      </p>
    );
  if (!active)
    return (
      <div className={kit.row}>
        <button type="button" data-testid="quantise-use" onClick={() => apply(id)}>
          {OUTCOME.use}
        </button>
      </div>
    );
  return (
    <div className={kit.row}>
      <span>{OUTCOME.next}</span>
      <button
        type="button"
        data-testid="quantise-export"
        onClick={() => {
          void actions.setDtype(dtype);
          actions.openDialog('export');
        }}
      >
        {OUTCOME.export}
      </button>
      <button
        type="button"
        data-testid="quantise-speed"
        onClick={() => {
          void actions.setDtype(dtype);
          actions.openWorkspace('speed');
        }}
      >
        {OUTCOME.speed}
      </button>
    </div>
  );
}
