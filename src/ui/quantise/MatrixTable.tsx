// Every matrix with its shape, sensitivity, bytes and form; the form can be set here, by keyboard
// too.

import { memo, useState } from 'react';
import type { MatrixReport } from '../../contract/quantise.ts';
import type { MatrixForm } from '../../model/quantise/quantisation.ts';
import { formatBytes } from '../../quantities.ts';
import { CHART, formWords, MATRIX_COLUMNS as HEADS, matrixName } from '../../words/quantise.ts';
import { formatNats, matrixId } from '../charts/quantise/sensitivityLayout.ts';
import { type Column, DataTable } from '../kit/DataTable.tsx';
import kit from '../kit/kit.module.css';
import { Scroll } from '../kit/Scroll.tsx';
import { Term } from '../kit/Term.tsx';
import { MatrixFormSelect } from './MatrixFormSelect.tsx';
import css from './quantise.module.css';
import { isTable } from './shownMatrices.ts';

interface Props {
  matrices: readonly MatrixReport[];
  /** Set by hand, by stored tensor. */
  forms: Readonly<Record<string, MatrixForm>>;
  /** Absent where nothing can be chosen now. */
  onForm: ((tensor: string, form: MatrixForm | null) => void) | undefined;
  hover: string | null;
  /** Of the matrix under the pointer or the focus. */
  onHover(id: string | null): void;
}

const COLUMNS: readonly Column[] = [
  { key: 'matrix', title: HEADS.matrix, text: true },
  { key: 'form', title: HEADS.form, text: true },
  { key: 'sensitivity', title: <Term id="sensitivity">{HEADS.sensitivity}</Term> },
  { key: 'bytes', title: HEADS.bytes },
  { key: 'shape', title: HEADS.shape },
];

/** The rows of a closed table are not made. */
export function MatrixTable({ matrices, hover, ...rest }: Props) {
  const [open, setOpen] = useState(false);
  return (
    <details
      data-testid="all-matrices"
      onToggle={({ currentTarget }) => setOpen(currentTarget.open)}
    >
      <summary>
        {CHART.table} <span className={kit.sub}>{matrices.length}</span>
      </summary>
      {open && (
        <Scroll label={CHART.table}>
          <DataTable
            testId="matrices"
            caption={CHART.table}
            captionHidden
            columns={COLUMNS}
            className={css.table}
          >
            {matrices.map((matrix) => (
              <Row
                key={matrixId(matrix)}
                matrix={matrix}
                chosen={rest.forms[matrix.tensor] ?? null}
                onForm={isTable(matrix) ? undefined : rest.onForm}
                onHover={rest.onHover}
                hovered={matrixId(matrix) === hover}
              />
            ))}
          </DataTable>
        </Scroll>
      )}
    </details>
  );
}

interface RowProps extends Pick<Props, 'onForm' | 'onHover'> {
  matrix: MatrixReport;
  /** Set by hand; null: by the settings. */
  chosen: MatrixForm | null;
  hovered: boolean;
}

const Row = memo(function Row({ matrix, chosen, onForm, hovered, onHover }: RowProps) {
  const { tensor, block, part, inputs, outputs, sensitivity, form, obstacle } = matrix;
  const name = matrixName(block, part);
  const id = matrixId(matrix);
  return (
    <tr
      className={css.matrix}
      data-hover={hovered}
      onPointerMove={() => onHover(id)}
      onPointerLeave={() => onHover(null)}
    >
      <th scope="row" className={css.name} title={tensor}>
        {name}
      </th>
      <td className={css.form}>
        {obstacle !== null && obstacle}
        {obstacle === null && !onForm && formWords(form)}
        {obstacle === null && onForm && (
          <MatrixFormSelect
            label={name}
            form={form}
            chosen={chosen}
            testId={`form-${tensor}`}
            onFocus={() => onHover(id)}
            onChoose={(next) => onForm(tensor, next)}
          />
        )}
      </td>
      <td>{sensitivity === null ? '–' : formatNats(sensitivity)}</td>
      <td>
        {formatBytes(matrix.storedBytes)} → {formatBytes(matrix.writtenBytes)}
      </td>
      <td>
        {outputs} × {inputs}
      </td>
    </tr>
  );
});
