// The form of one matrix, set by hand: by the settings, in 4 or 8 bits, or float.

import type { MatrixForm } from '../../model/quantise/quantisation.ts';
import { CHART, FORM_CHOICE } from '../../words/quantise.ts';

const FORMS: readonly MatrixForm[] = [4, 8, 'float'];

interface Props {
  /** Names the matrix. */
  label: string;
  /** As it is now. */
  form: MatrixForm;
  /** Null leaves it to the settings. */
  chosen: MatrixForm | null;
  testId: string;
  onChoose(form: MatrixForm | null): void;
  onFocus?(): void;
}

export function MatrixFormSelect({ label, form, chosen, testId, onChoose, onFocus }: Props) {
  return (
    <select
      aria-label={FORM_CHOICE.legend(label)}
      value={chosen === null ? '' : String(chosen)}
      data-testid={testId}
      onFocus={onFocus}
      onChange={({ target }) => onChoose(formOf(target.value))}
    >
      <option value="">{FORM_CHOICE.auto(chosen === null ? form : null)}</option>
      {FORMS.map((one) => (
        <option key={one} value={String(one)}>
          {CHART.forms[one]}
        </option>
      ))}
    </select>
  );
}

const formOf = (value: string): MatrixForm | null =>
  FORMS.find((form) => String(form) === value) ?? null;
