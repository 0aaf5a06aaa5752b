// A field for a whole number within bounds.

import { NumberField } from './NumberField.tsx';

interface Props {
  id: string;
  value: number;
  min: number;
  max: number;
  disabled?: boolean;
  testId: string;
  onChange(value: number): void;
}

export function WholeNumber({ onChange, ...field }: Props) {
  return (
    <NumberField
      {...field}
      whole
      step={1}
      onChange={(value) => {
        if (value !== null) onChange(value);
      }}
    />
  );
}
