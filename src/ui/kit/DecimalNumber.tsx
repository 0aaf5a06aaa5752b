// A field for a number within bounds; what is no such number takes no effect and goes back when the
// field is left.

import { useState } from 'react';
import css from './kit.module.css';

interface NumberProps {
  id: string;
  value: number;
  min: number;
  max: number;
  step: number;
  disabled?: boolean;
  testId: string;
  onChange(value: number): void;
}

export function DecimalNumber({
  id,
  value,
  min,
  max,
  step,
  disabled,
  testId,
  onChange,
}: NumberProps) {
  const [typed, setTyped] = useState<string | null>(null);
  const isValid = (number: number) => Number.isFinite(number) && number >= min && number <= max;
  const isWrong = typed !== null && !isValid(Number.parseFloat(typed));
  return (
    <>
      <input
        id={id}
        type="number"
        min={min}
        max={max}
        step={step}
        value={typed ?? String(value)}
        disabled={disabled}
        aria-invalid={isWrong}
        data-testid={testId}
        onBlur={() => setTyped(null)}
        onChange={(event) => {
          setTyped(event.target.value);
          const next = event.target.valueAsNumber;
          if (isValid(next)) onChange(next);
        }}
      />
      {!disabled && (
        <span className={css.bad} role="status">
          {isWrong ? `${min} to ${max}` : ''}
        </span>
      )}
    </>
  );
}
