// The mark of a matrix by the form in which it is written: never by colour alone.

import type { MatrixForm } from '../../../model/quantise/quantisation.ts';
import css from './sensitivity.module.css';

interface Props {
  form: MatrixForm;
  cx: number;
  cy: number;
  r: number;
}

export function FormShape({ form, cx, cy, r }: Props) {
  if (form === 4) return <circle className={css.mark} data-form="4" cx={cx} cy={cy} r={r} />;
  if (form === 8) {
    const d = r + 1;
    return (
      <path
        className={css.mark}
        data-form="8"
        d={`M${cx} ${cy - d} l${d} ${d} l${-d} ${d} l${-d} ${-d} z`}
      />
    );
  }
  return (
    <rect
      className={css.mark}
      data-form="float"
      x={cx - r}
      y={cy - r}
      width={2 * r}
      height={2 * r}
    />
  );
}
