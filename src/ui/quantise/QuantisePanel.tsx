// Quantising: what came of it, the form or what runs, the matrices.

import { Fragment, type ReactNode, useMemo } from 'react';
import { quantiseEstimate, shownQuantisation } from '../../state/quantise/selectors.ts';
import { CHART, QUANTISE } from '../../words/quantise.ts';
import { InterruptedCards } from '../interrupted/InterruptedCard.tsx';
import { ErrorNotice } from '../kit/ErrorNotice.tsx';
import kit from '../kit/kit.module.css';
import { Panel } from '../kit/Panel.tsx';
import { useActions, useStudio } from '../studioContext.ts';
import { KeptQuantisations } from './KeptQuantisations.tsx';
import { Matrices } from './Matrices.tsx';
import { QuantiseForm } from './QuantiseForm.tsx';
import { QuantiseOutcome } from './QuantiseOutcome.tsx';
import { QuantiseRunning } from './QuantiseRunning.tsx';
import { shownMatrices } from './shownMatrices.ts';

/**
 * What came of a quantisation stands before the form for the next one, matrix by matrix too. What
 * runs stands where its outcome will; the parts are made anew then, so that nothing slides.
 */
export function QuantisePanel() {
  const running = useStudio((state) => state.quantise.running !== null);
  const quantised = useStudio((state) => shownQuantisation(state) !== null);
  if (running)
    return (
      <Fragment key="running">
        <Now>
          <QuantiseRunning />
        </Now>
        <MatricesPanel />
      </Fragment>
    );
  const form = (
    <Now>
      <InterruptedCards only="quantise" />
      <QuantiseForm />
    </Now>
  );
  if (!quantised)
    return (
      <Fragment key="form">
        {form}
        <MatricesPanel />
      </Fragment>
    );
  return (
    <Fragment key="quantised">
      <Panel id="quantised" title={QUANTISE.quantised} testId="quantised-panel">
        <QuantiseOutcome />
      </Panel>
      <MatricesPanel />
      {form}
    </Fragment>
  );
}

/** What is done next, or now. */
function Now({ children }: { children: ReactNode }) {
  return (
    <Panel id="quantise" title={QUANTISE.title} sub={QUANTISE.sub} testId="quantise-panel">
      <div className={kit.stack}>
        <ErrorNotice place="quantise" />
        {children}
        <KeptQuantisations />
      </div>
    </Panel>
  );
}

function MatricesPanel() {
  const forms = useStudio((state) => state.quantise.form.forms);
  const running = useStudio((state) => state.quantise.running);
  const shown = useStudio(shownQuantisation);
  const { value } = useStudio(quantiseEstimate);
  const actions = useActions();
  const matrices = useMemo(
    () =>
      shownMatrices({
        outcome: shown && { matrices: shown.matrices, forms: shown.asked.forms },
        estimate: value,
        forms,
        running: running?.sensitivities ?? null,
      }),
    [shown, value, forms, running],
  );
  if (matrices.length === 0) return null;
  return (
    <Panel id="matrices" title={CHART.panel} sub={CHART.panelSub} testId="matrices-panel">
      <Matrices
        matrices={matrices}
        forms={running?.request.forms ?? forms}
        onForm={running ? undefined : actions.setMatrixForm}
        onClear={actions.clearMatrixForms}
        running={running !== null && running.request.mixed !== null}
      />
    </Panel>
  );
}
