// The matrices of the model: the curve of their sensitivities, what is under the pointer in words,
// the form of one of them by hand, and all of them in a table.

import { lazy, Suspense, useCallback, useMemo, useState } from 'react';
import type { MatrixReport } from '../../contract/quantise.ts';
import type { MatrixForm } from '../../model/quantise/quantisation.ts';
import { formatBytes, listed } from '../../quantities.ts';
import { CHART, FORM_CHOICE, matrixName, matrixWords } from '../../words/quantise.ts';
import { FormShape } from '../charts/quantise/FormShape.tsx';
import {
  formatNats,
  matrixId,
  partsOf,
  sensitivityPoints,
} from '../charts/quantise/sensitivityLayout.ts';
import kit from '../kit/kit.module.css';
import { Term } from '../kit/Term.tsx';
import { MatrixFormSelect } from './MatrixFormSelect.tsx';
import { MatrixTable } from './MatrixTable.tsx';
import css from './quantise.module.css';
import { isTable } from './shownMatrices.ts';

const SensitivityChart = lazy(() => import('../charts/quantise/SensitivityChart.tsx'));

export interface MatricesProps {
  matrices: readonly MatrixReport[];
  /** Set by hand, by stored tensor; absent where nothing can be chosen now. */
  forms: Readonly<Record<string, MatrixForm>>;
  onForm?: ((tensor: string, form: MatrixForm | null) => void) | undefined;
  /** Forgets all that was set by hand. */
  onClear(): void;
  /** Sensitivities come in now. */
  running?: boolean;
}

export function Matrices({ matrices, forms, onForm, onClear, running = false }: MatricesProps) {
  const [hover, setHover] = useState<string | null>(null);
  const [chosen, setChosen] = useState<string | null>(null);
  const points = useMemo(() => sensitivityPoints(matrices, forms), [matrices, forms]);
  const choose = useCallback((id: string) => setChosen(id), []);
  const isMeasured = running || points.some(({ sensitivity }) => sensitivity !== null);
  const shown = find(matrices, hover ?? chosen);
  return (
    <div className={kit.stack}>
      {isMeasured ? (
        <div>
          <Legend points={points} />
          <div className={css.chart}>
            <Suspense fallback={null}>
              <SensitivityChart
                points={points}
                hover={hover}
                chosen={onForm ? chosen : null}
                onHover={setHover}
                {...(onForm && { onChoose: choose })}
              />
            </Suspense>
          </div>
          <p className={css.reading} data-testid="matrix-reading">
            {shown ? reading(shown) : onForm && CHART.hint}
          </p>
          {onForm && (
            <Choice
              matrix={find(matrices, chosen)}
              forms={forms}
              onForm={onForm}
              onClear={onClear}
            />
          )}
        </div>
      ) : (
        <p className={kit.sub}>{CHART.notMeasured}</p>
      )}
      {!running && (
        <MatrixTable
          matrices={matrices}
          forms={forms}
          onForm={onForm}
          hover={hover}
          onHover={setHover}
        />
      )}
    </div>
  );
}

const find = (matrices: readonly MatrixReport[], id: string | null) =>
  matrices.find((one) => matrixId(one) === id);

const reading = ({ sensitivity, storedBytes, writtenBytes, ...one }: MatrixReport): string =>
  matrixWords({
    ...one,
    nats: sensitivity === null ? null : formatNats(sensitivity),
    stored: formatBytes(storedBytes),
    written: formatBytes(writtenBytes),
  });

type Points = React.ComponentProps<typeof SensitivityChart>['points'];

function Legend({ points }: { points: Points }) {
  const parts = partsOf(points);
  return (
    <p className={kit.legend}>
      <span>
        <Term id="sensitivity" />
      </span>
      {([4, 8, 'float'] as const)
        .filter((form) => points.some((one) => one.form === form && one.sensitivity !== null))
        .map((form) => (
          <span key={form}>
            <svg viewBox="0 0 14 12" width="14" height="12" aria-hidden="true">
              <FormShape form={form} cx={7} cy={6} r={4} />
            </svg>
            {CHART.forms[form]}
          </span>
        ))}
      {parts.length > 1 && <span>{CHART.parts(listed(parts))}</span>}
    </p>
  );
}

interface ChoiceProps {
  matrix: MatrixReport | undefined;
  forms: MatricesProps['forms'];
  onForm(tensor: string, form: MatrixForm | null): void;
  onClear(): void;
}

/** Of one height, whether a matrix is chosen or not. */
function Choice({ matrix, forms, onForm, onClear }: ChoiceProps) {
  const count = Object.keys(forms).length;
  return (
    <div className={css.choice}>
      {matrix && !isTable(matrix) && (
        <>
          <b>{matrixName(matrix.block, matrix.part)}</b>
          <MatrixFormSelect
            label={matrixName(matrix.block, matrix.part)}
            form={matrix.form}
            chosen={forms[matrix.tensor] ?? null}
            testId="matrix-form"
            onChoose={(form) => onForm(matrix.tensor, form)}
          />
        </>
      )}
      {count > 0 && (
        <button type="button" className={kit.quiet} data-testid="forget-forms" onClick={onClear}>
          {FORM_CHOICE.clear(count)}
        </button>
      )}
    </div>
  );
}
