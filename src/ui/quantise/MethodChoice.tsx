// Which method rounds the weights, and in which precision they are written: each with what it does
// and what runs it.

import { sourceFormat } from '../../model/open/made.ts';
import type { QuantisedDtype, QuantiseMethod } from '../../model/quantise/quantisation.ts';
import { DTYPES, METHODS, QUANTISE } from '../../words/quantise.ts';
import kit from '../kit/kit.module.css';
import { Term } from '../kit/Term.tsx';
import { MethodCards } from '../kit/workspace/MethodCards.tsx';
import { useActions, useStudio } from '../studioContext.ts';
import css from './quantise.module.css';

const METHOD_ORDER: readonly QuantiseMethod[] = ['rtn', 'hqq', 'gptq'];
const DTYPE_ORDER: readonly QuantisedDtype[] = ['q4', 'q4f16', 'q8'];

export function MethodChoice() {
  const chosen = useStudio((state) => state.quantise.form.settings.method);
  const dtype = useStudio((state) => state.quantise.form.dtype);
  const actions = useActions();
  // Eight bits are rounded to the nearest: the other methods gain nothing there.
  return (
    <fieldset className={kit.field}>
      <legend>{QUANTISE.method}</legend>
      <MethodCards
        id="quantise"
        cards={METHOD_ORDER.map((method) => {
          const { name, does, takes } = METHODS[method];
          const isOff = dtype === 'q8' && method !== 'rtn';
          return { method, name, about: `${does} ${isOff ? QUANTISE.notIn8Bits : takes}`, isOff };
        })}
        chosen={dtype === 'q8' ? 'rtn' : chosen}
        onChoose={(method) => actions.setQuantise({ method })}
      />
      <p className={kit.sub}>
        {QUANTISE.explained} <Term id="quantisation" />, <Term id="hqq" />, <Term id="gptq" />
      </p>
    </fieldset>
  );
}

export function DtypeChoice() {
  const chosen = useStudio((state) => state.quantise.form.dtype);
  const summary = useStudio((state) => state.model.current?.summary);
  const actions = useActions();
  return (
    <fieldset className={kit.field}>
      <legend>{QUANTISE.precision}</legend>
      <div className={css.choices}>
        {DTYPE_ORDER.map((dtype) => (
          <label key={dtype}>
            <input
              type="radio"
              name="quantise-dtype"
              checked={dtype === chosen}
              data-testid={`quantise-${dtype}`}
              onChange={() => actions.setQuantiseDtype(dtype)}
            />{' '}
            {DTYPES[dtype].name} <span className={kit.sub}>{DTYPES[dtype].runs}</span>
          </label>
        ))}
      </div>
      {summary && sourceFormat(summary) && <p className={kit.note}>{QUANTISE.asOnnx}</p>}
    </fieldset>
  );
}
