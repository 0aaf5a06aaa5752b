// Which method rounds the weights, and in which precision they are written: each with what it does
// and what runs it.

import type { QuantisedDtype, QuantiseMethod } from '../../model/quantise/quantisation.ts';
import { DTYPES, METHODS, QUANTISE } from '../../words/quantise.ts';
import kit from '../kit/kit.module.css';
import { Term } from '../kit/Term.tsx';
import { useActions, useStudio } from '../studioContext.ts';
import css from './quantise.module.css';

const METHOD_ORDER: readonly QuantiseMethod[] = ['rtn', 'hqq', 'gptq'];
const DTYPE_ORDER: readonly QuantisedDtype[] = ['q4', 'q4f16', 'q8'];

export function MethodChoice() {
  const chosen = useStudio((state) => state.quantise.form.settings.method);
  const dtype = useStudio((state) => state.quantise.form.dtype);
  const actions = useActions();
  // Eight bits are rounded to the nearest: the other methods gain nothing there.
  const isOff = (method: QuantiseMethod) => dtype === 'q8' && method !== 'rtn';
  const current = dtype === 'q8' ? 'rtn' : chosen;
  return (
    <fieldset className={kit.field}>
      <legend>{QUANTISE.method}</legend>
      <div className={css.methods}>
        {METHOD_ORDER.map((method) => {
          const { name, does, takes } = METHODS[method];
          return (
            <div
              key={method}
              className={css.method}
              data-chosen={method === current}
              data-off={isOff(method)}
            >
              <label>
                <input
                  type="radio"
                  name="quantise-method"
                  checked={method === current}
                  disabled={isOff(method)}
                  aria-describedby={`quantise-${method}-does`}
                  data-testid={`quantise-${method}`}
                  onChange={() => actions.setQuantise({ method })}
                />{' '}
                <b>{name}</b>
              </label>
              <p id={`quantise-${method}-does`} className={kit.sub}>
                {does} {isOff(method) ? QUANTISE.notIn8Bits : takes}
              </p>
            </div>
          );
        })}
      </div>
      <p className={kit.sub}>
        {QUANTISE.explained} <Term id="quantisation" />, <Term id="hqq" />, <Term id="gptq" />
      </p>
    </fieldset>
  );
}

export function DtypeChoice() {
  const chosen = useStudio((state) => state.quantise.form.dtype);
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
    </fieldset>
  );
}
