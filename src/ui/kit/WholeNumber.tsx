// A field for a whole number within bounds.

import { useState } from 'react';
import css from './kit.module.css';

interface NumberProps {
  id: string;
  value: number;
  min: number;
  max: number;
  disabled?: boolean;
  testId: string;
  onChange(value: number): void;
}

/** Keeps what is typed; only whole numbers within bounds take effect. */
export function WholeNumber({ id, value, min, max, disabled, testId, onChange }: NumberProps) {
  const [text, setText] = useState(String(value));
  const number = Number(text);
  const valid = text !== '' && Number.isInteger(number) && number >= min && number <= max;
  return (
    <>
      <input
        id={id}
        type="number"
        min={min}
        max={max}
        value={text}
        disabled={disabled}
        aria-invalid={!valid}
        data-testid={testId}
        onChange={(event) => {
          setText(event.target.value);
          const next = event.target.valueAsNumber;
          if (Number.isInteger(next) && next >= min && next <= max) onChange(next);
        }}
      />
      {!valid && (
        <span className={css.bad} role="status">
          {min} to {max}
        </span>
      )}
    </>
  );
}
