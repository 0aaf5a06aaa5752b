// A field for a number within bounds; what is no such number takes no effect and goes back when the field is left.

import { useState } from 'react';

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

export function DecimalNumber({ id, value, min, max, step, disabled, testId, onChange }: NumberProps) {
  const [typed, setTyped] = useState<string | null>(null);
  const valid = (number: number) => Number.isFinite(number) && number >= min && number <= max;
  return (
    <input
      id={id}
      type="number"
      min={min}
      max={max}
      step={step}
      value={typed ?? String(value)}
      disabled={disabled}
      aria-invalid={typed !== null && !valid(Number.parseFloat(typed))}
      data-testid={testId}
      onBlur={() => setTyped(null)}
      onChange={(event) => {
        setTyped(event.target.value);
        const next = event.target.valueAsNumber;
        if (valid(next)) onChange(next);
      }}
    />
  );
}
