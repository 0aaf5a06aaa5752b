// Which weights an export writes: those of the source or of a healing of the plan, and what becomes
// of healed matrices of a graph of few bits.

import { pplWords } from '../../analysis/perplexity.ts';
import type { KeptHealing } from '../../contract/heal.ts';
import { graphDtype } from '../../model/open/made.ts';
import { plansSeconds } from '../../state/estimate/selectors.ts';
import { exportFormat, formsKey, formsView, isQuantised } from '../../state/export/selectors.ts';
import { activeHealing, planHealings } from '../../state/heal/selectors.ts';
import { engineObstacle } from '../../state/jobs.ts';
import {
  BOTH_FORMS,
  EXPORT,
  formWords,
  healedWeights,
  WEIGHTS,
} from '../../words/dialogs/export.ts';
import { FORMS } from '../../words/dialogs/exporting.ts';
import { aboutSeconds } from '../../words/duration.ts';
import { healedWords } from '../../words/healing.ts';
import { JobProgress } from '../kit/JobProgress.tsx';
import kit from '../kit/kit.module.css';
import { useActions, useStudio } from '../studioContext.ts';

export function HealedWeights() {
  const healings = useStudio(planHealings);
  const active = useStudio(activeHealing);
  // Tensor files take changed tensors in the type that they have.
  const quantised = useStudio((state) => isQuantised(state) && exportFormat(state) === 'onnx');
  // Renamed: a name that starts with `use` reads as a React hook.
  const { useHealing: apply } = useActions();
  const used = healings.filter(({ bytes }) => bytes > 0);
  if (used.length === 0) return null;
  const choice = (healing: KeptHealing | null, label: string) => (
    <div key={healing?.id ?? ''}>
      <label>
        <input
          type="radio"
          name="weights"
          checked={active?.id === healing?.id}
          data-testid={`weights-${healing?.id ?? 'source'}`}
          onChange={() => apply(healing?.id ?? null)}
        />{' '}
        {label}
      </label>
    </div>
  );
  return (
    <fieldset className={kit.field} data-testid="export-healing">
      <legend>{WEIGHTS.legend}</legend>
      {choice(null, WEIGHTS.source)}
      {used.map((one) =>
        choice(one, healedWeights(healedWords(one.methods), one.record.text.name)),
      )}
      {active && quantised && <Quantised />}
    </fieldset>
  );
}

function Quantised() {
  const { again, float } = useStudio(formsView);
  const summary = useStudio((state) => state.model.current?.summary);
  const dtype = summary ? graphDtype(summary) : '';
  const chosen = useStudio((state) => state.export.quantised);
  const actions = useActions();
  const choice = (value: 'again' | 'float', label: string, note: string, form: typeof again) => (
    <label>
      <input
        type="radio"
        name="quantised"
        checked={chosen === value}
        data-testid={`quantised-${value}`}
        onChange={() => actions.setQuantised(value)}
      />{' '}
      {label}{' '}
      <span className={kit.note}>
        {note}
        {form && (
          <b data-testid={`form-${value}`}>
            {'; '}
            {formWords(pplWords(Math.exp(form.nll)), form.bytes)}
          </b>
        )}
      </span>
    </label>
  );
  return (
    <>
      {choice('again', WEIGHTS.again(dtype), WEIGHTS.againNote, again)}
      <br />
      {choice('float', WEIGHTS.float, WEIGHTS.floatNote, float)}
      <BothForms />
    </>
  );
}

/** Measured on demand: both forms take a pass over the windows each. */
function BothForms() {
  const { lost } = useStudio(formsView);
  const { running, progress } = useStudio((state) => state.export.forms);
  const hasCurve = useStudio((state) => formsKey(state) !== null);
  const busy = useStudio((state) => engineObstacle(state) !== null);
  // As words: a new object each time would render for ever.
  const takes = useStudio((state) => {
    const seconds = plansSeconds(state, 2);
    return seconds ? BOTH_FORMS.takes(aboutSeconds(seconds)) : '';
  });
  const actions = useActions();
  if (running)
    return (
      <div className={kit.row}>
        <div className={kit.grow}>
          <JobProgress progress={progress} label={BOTH_FORMS.measuring} />
        </div>
        <button type="button" data-testid="forms-cancel" onClick={() => void actions.cancel()}>
          {EXPORT.cancel}
        </button>
      </div>
    );
  if (lost !== null)
    return (
      <p className={kit.note} data-testid="forms-lost">
        {FORMS.lost(lost)}
      </p>
    );
  if (!hasCurve) return <p className={kit.note}>{BOTH_FORMS.noCurve}</p>;
  return (
    <div className={kit.row}>
      <button
        type="button"
        aria-disabled={busy}
        data-testid="measure-forms"
        onClick={() => !busy && void actions.measureForms()}
      >
        {BOTH_FORMS.measure}
      </button>
      <span className={kit.note}>{takes}</span>
    </div>
  );
}
