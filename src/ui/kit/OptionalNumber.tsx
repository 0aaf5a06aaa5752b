// A field for a positive number or nothing.

import { useState } from 'react';

interface Props {
  id: string;
  value: number | null;
  whole?: boolean;
  max?: number;
  /** What nothing means. */
  placeholder: string;
  testId: string;
  onChange(value: number | null): void;
}

/** Anything but a positive number is marked and counts as nothing. */
export function OptionalNumber({
  id,
  value,
  whole = false,
  max,
  placeholder,
  testId,
  onChange,
}: Props) {
  const [typed, setTyped] = useState<string | null>(null);
  const numberOf = (text: string) => {
    const number = Number(text);
    return text !== '' &&
      Number.isFinite(number) &&
      number > 0 &&
      (!whole || Number.isInteger(number))
      ? number
      : null;
  };
  const text = typed ?? (value === null ? '' : String(value));
  const wrong =
    text !== '' && (numberOf(text) === null || Number(text) > (max ?? Number.POSITIVE_INFINITY));
  return (
    <input
      id={id}
      type="number"
      min={whole ? 1 : 0}
      max={max}
      step={whole ? 1 : 'any'}
      inputMode={whole ? 'numeric' : 'decimal'}
      value={text}
      placeholder={placeholder}
      aria-invalid={wrong}
      data-testid={testId}
      onBlur={() => setTyped(null)}
      onChange={(event) => {
        setTyped(event.target.value);
        onChange(numberOf(event.target.value));
      }}
    />
  );
}
