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

/**
 * Only whole numbers within bounds take effect; when what was typed is none, leaving the field
 * brings back the number it had before.
 */
export function WholeNumber({ id, value, min, max, disabled, testId, onChange }: NumberProps) {
  const [text, setText] = useState(String(value));
  const [before, setBefore] = useState(value);
  const [seen, setSeen] = useState(value);
  if (value !== seen) {
    setSeen(value);
    if (Number(text) !== value) setText(String(value));
  }
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
        onFocus={() => setBefore(value)}
        onBlur={() => {
          if (valid) return;
          setText(String(before));
          onChange(before);
        }}
        onChange={(event) => {
          setText(event.target.value);
          const next = event.target.valueAsNumber;
          if (Number.isInteger(next) && next >= min && next <= max) onChange(next);
        }}
      />
      {/* The line is always there: a button below must not move away under a click that leaves the field. */}
      {!disabled && (
        <span className={css.bad} role="status" style={{ minHeight: '1.4em' }}>
          {valid ? '' : `${min} to ${max}`}
        </span>
      )}
    </>
  );
}
