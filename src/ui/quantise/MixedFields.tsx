// Mixed precision: whether the most sensitive matrices take more bits, and how far that goes.

import { type ReactNode, useId } from 'react';
import type { MixedForm } from '../../state/quantise/state.ts';
import { MIXED } from '../../words/quantise.ts';
import { DecimalNumber } from '../kit/DecimalNumber.tsx';
import kit from '../kit/kit.module.css';
import { Term } from '../kit/Term.tsx';
import { useActions, useStudio } from '../studioContext.ts';
import css from './quantise.module.css';

const MEGABYTE = 1e6;

export function MixedFields() {
  const mixed = useStudio((state) => state.quantise.form.mixed);
  const in8Bits = useStudio((state) => state.quantise.form.dtype === 'q8');
  const actions = useActions();
  const name = useId();
  const kind = in8Bits ? 'off' : mixed.kind;
  const choice = (one: MixedForm['kind'], number: ReactNode = null) => (
    <div className={css.mixed}>
      <label>
        <input
          type="radio"
          name={name}
          checked={kind === one}
          disabled={in8Bits && one !== 'off'}
          data-testid={`mixed-${one}`}
          onChange={() => actions.setMixed({ kind: one })}
        />{' '}
        {MIXED[one]}
      </label>
      {number}
    </div>
  );
  return (
    <fieldset className={kit.field}>
      <legend>
        <Term id="mixedPrecision">{MIXED.legend}</Term>
      </legend>
      {choice('off')}
      {choice(
        'bytes',
        <Bound label={MIXED.bytesField} unit={MIXED.bytesUnit}>
          {(id) => (
            <DecimalNumber
              id={id}
              value={mixed.bytes / MEGABYTE}
              min={0.001}
              max={1e6}
              step={0.1}
              disabled={kind !== 'bytes'}
              testId="mixed-megabytes"
              onChange={(mb) => actions.setMixed({ bytes: Math.round(mb * MEGABYTE) })}
            />
          )}
        </Bound>,
      )}
      {choice(
        'loss',
        <Bound label={MIXED.lossField} unit={MIXED.lossUnit}>
          {(id) => (
            <DecimalNumber
              id={id}
              value={mixed.nats}
              min={1e-6}
              max={10}
              step={0.001}
              disabled={kind !== 'loss'}
              testId="mixed-nats"
              onChange={(nats) => actions.setMixed({ nats })}
            />
          )}
        </Bound>,
      )}
      <p className={kit.sub}>{in8Bits ? MIXED.notIn8Bits : MIXED.note}</p>
    </fieldset>
  );
}

interface BoundProps {
  /** Read aloud: the choice before it says the same. */
  label: string;
  unit: string;
  children(id: string): ReactNode;
}

function Bound({ label, unit, children }: BoundProps) {
  const id = useId();
  return (
    <span className={css.number}>
      <label htmlFor={id} className={kit.hidden}>
        {label}
      </label>
      {children(id)} {unit}
    </span>
  );
}
