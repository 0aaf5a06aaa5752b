// A field for a positive number or none.

import { NumberField } from './NumberField.tsx';

interface Props {
  id: string;
  value: number | null;
  whole?: boolean;
  max?: number;
  /** What an empty field means. */
  placeholder: string;
  testId: string;
  onChange(value: number | null): void;
}

export function OptionalNumber({ whole = false, max = Number.POSITIVE_INFINITY, ...field }: Props) {
  return (
    <NumberField
      {...field}
      whole={whole}
      min={whole ? 1 : 0}
      max={max}
      step={whole ? 1 : 'any'}
      optional
    />
  );
}
