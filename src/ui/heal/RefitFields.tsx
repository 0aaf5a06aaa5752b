// What a refit is done on, and how far it goes.

import { HEAL, REFIT_FIELDS as WORDS } from '../../words/heal.ts';
import { DecimalNumber } from '../kit/DecimalNumber.tsx';
import { Field } from '../kit/Field.tsx';
import { OptionalNumber } from '../kit/OptionalNumber.tsx';
import { WholeNumber } from '../kit/WholeNumber.tsx';
import settings from '../kit/workspace/settings.module.css';
import { useActions, useStudio } from '../studioContext.ts';
import css from './heal.module.css';

/** Whether only the block before each removed run is refitted, or every kept one behind, too. */
export function RefitAll() {
  const all = useStudio((state) => state.heal.form.refit.all);
  const actions = useActions();
  return (
    <label className={settings.check}>
      <input
        type="checkbox"
        checked={all}
        data-testid="heal-refit-all"
        onChange={() => actions.setRefit({ all: !all })}
      />
      {WORDS.all}
    </label>
  );
}

export function RefitFields() {
  const refit = useStudio((state) => state.heal.form.refit);
  const context = useStudio((state) => state.model.current?.summary.contextLength ?? null);
  const { setRefit: set } = useActions();
  return (
    <details>
      <summary>{HEAL.advanced}</summary>
      <div className={`${settings.grid} ${css.fields}`}>
        <Field className={settings.setting} label={WORDS.samples}>
          {(id) => (
            <OptionalNumber
              id={id}
              value={refit.samples}
              whole
              placeholder={WORDS.allWindows}
              testId="heal-samples"
              onChange={(samples) => set({ samples })}
            />
          )}
        </Field>
        <Field className={settings.setting} label={WORDS.length}>
          {(id) => (
            <WholeNumber
              id={id}
              value={refit.length}
              min={2}
              max={context ?? 4096}
              testId="heal-refit-length"
              onChange={(length) => set({ length })}
            />
          )}
        </Field>
        <Field className={settings.setting} label={WORDS.ridge}>
          {(id) => (
            <DecimalNumber
              id={id}
              value={refit.ridge}
              min={1e-8}
              max={10}
              step={0.001}
              testId="heal-ridge"
              onChange={(ridge) => set({ ridge })}
            />
          )}
        </Field>
      </div>
    </details>
  );
}
