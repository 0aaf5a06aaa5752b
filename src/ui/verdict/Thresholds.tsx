// What the words of the verdict mean, and their thresholds as numbers that can be changed.

import { type Thresholds as Limits, VERDICT } from '../../words/verdict.ts';
import { DecimalNumber } from '../kit/DecimalNumber.tsx';
import { Field } from '../kit/Field.tsx';
import kit from '../kit/kit.module.css';
import { Term } from '../kit/Term.tsx';
import { useActions, useStudio } from '../studioContext.ts';
import css from './verdict.module.css';

/** A share is typed in percent. */
const FIELDS = [
  { name: 'usableRise', label: VERDICT.usableRise, unit: VERDICT.percent, scale: 100, step: 1 },
  { name: 'brokenRise', label: VERDICT.brokenRise, unit: VERDICT.percent, scale: 100, step: 10 },
  { name: 'usableKl', label: VERDICT.usableKl, unit: VERDICT.nats, scale: 1, step: 0.01 },
  { name: 'brokenKl', label: VERDICT.brokenKl, unit: VERDICT.nats, scale: 1, step: 0.1 },
] as const satisfies readonly {
  name: keyof Limits;
  label: string;
  unit: string;
  scale: number;
  step: number;
}[];

export function Thresholds() {
  const limits = useStudio((state) => state.verdict.thresholds);
  const actions = useActions();
  return (
    <details className={css.explain} data-testid="verdict-explain">
      <summary>{VERDICT.explain}</summary>
      <dl className={kit.facts}>
        {VERDICT.meaning.map(({ word, text }) => (
          <div key={word} className={css.meaning}>
            <dt>{word}</dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
      <p>
        {VERDICT.ours} <Term id="kl">{VERDICT.divergence}</Term>.
      </p>
      {FIELDS.map(({ name, label, unit, scale, step }) => (
        <Field key={name} label={label} className={css.field}>
          {(id) => (
            <>
              <DecimalNumber
                id={id}
                value={Math.round(limits[name] * scale * 1000) / 1000}
                min={0}
                max={scale === 100 ? 10_000 : 20}
                step={step}
                testId={`threshold-${name}`}
                onChange={(typed) => actions.setThresholds({ [name]: typed / scale })}
              />
              <span>{unit}</span>
            </>
          )}
        </Field>
      ))}
      <button type="button" data-testid="threshold-reset" onClick={actions.resetThresholds}>
        {VERDICT.reset}
      </button>
    </details>
  );
}
