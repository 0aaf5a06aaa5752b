// A field for a number: what is typed takes effect as soon as it is one within bounds.

import { useState } from 'react';
import css from './kit.module.css';

interface Props {
  id: string;
  /** Null shows an empty field. */
  value: number | null;
  min: number;
  max: number;
  step: number | 'any';
  whole?: boolean;
  /** Empty is allowed and means null, as does anything that is no positive number. */
  optional?: boolean;
  placeholder?: string;
  disabled?: boolean | undefined;
  testId: string;
  onChange(value: number | null): void;
}

/** On leaving the field, an invalid number gives way to the one from before it was edited. */
export function NumberField(props: Props) {
  const { id, value, min, max, step, optional = false, placeholder, disabled, testId } = props;
  /** What is being typed; null shows the value. */
  const [typed, setTyped] = useState<string | null>(null);
  const [before, setBefore] = useState(value);
  const [seen, setSeen] = useState(value);
  if (value !== seen) {
    setSeen(value);
    // Set from elsewhere.
    if (typed !== null && numberOf(typed, props) !== value) setTyped(null);
  }
  const text = typed ?? (value === null ? '' : String(value));
  const number = numberOf(text, props);
  const wrong = (number === null || number > max) && !(optional && text === '');
  return (
    <>
      <input
        id={id}
        type="number"
        min={min}
        max={Number.isFinite(max) ? max : undefined}
        step={step}
        inputMode={step === 'any' ? 'decimal' : undefined}
        value={text}
        placeholder={placeholder}
        disabled={disabled}
        aria-invalid={wrong}
        data-testid={testId}
        onFocus={() => setBefore(value)}
        onBlur={() => {
          setTyped(null);
          if (wrong && !optional) props.onChange(before);
        }}
        onChange={(event) => {
          setTyped(event.target.value);
          const next = numberOf(event.target.value, props);
          if (next !== null || optional) props.onChange(next);
        }}
      />
      {/* Always there: a click that leaves the field must not move what it is about to hit. */}
      {!disabled && !optional && (
        <span className={css.bad} role="status" style={{ minHeight: '1.4em' }}>
          {wrong ? `${min} to ${max}` : ''}
        </span>
      )}
    </>
  );
}

/** Null for what the field does not take. An optional number above the maximum is only marked. */
function numberOf(text: string, { min, max, whole, optional }: Props): number | null {
  const number = Number(text);
  if (text === '' || !Number.isFinite(number) || (whole && !Number.isInteger(number))) return null;
  const fits = optional ? number > 0 : number >= min && number <= max;
  return fits ? number : null;
}
