// A field for a number within bounds.

import { NumberField } from './NumberField.tsx';

interface Props {
  id: string;
  value: number;
  min: number;
  max: number;
  step: number;
  disabled?: boolean;
  testId: string;
  onChange(value: number): void;
}

export function DecimalNumber({ onChange, ...field }: Props) {
  return (
    <NumberField
      {...field}
      onChange={(value) => {
        if (value !== null) onChange(value);
      }}
    />
  );
}
