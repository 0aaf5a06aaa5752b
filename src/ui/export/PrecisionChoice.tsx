// The precision that an export is written in, with the size of graph and weights.

import { dtypeSteps, stepsObstacle } from '../../model/export/steps.ts';
import { formatBytes } from '../../quantities.ts';
import { exportSize } from '../../state/export/selectors.ts';
import { EXPORT, precisionOfOriginal } from '../../words/dialogs/export.ts';
import kit from '../kit/kit.module.css';
import { useActions, useStudio } from '../studioContext.ts';

/** As the original, or another precision, with the size of the files that each writes. */
export function PrecisionChoice() {
  const summary = useStudio((state) => state.model.current)!.summary;
  const dtype = useStudio((state) => state.export.dtype);
  const size = useStudio(exportSize);
  const actions = useActions();
  const obstacle = stepsObstacle(summary.dtype, dtypeSteps('fp16'));
  return (
    <fieldset className={kit.field}>
      <legend>{EXPORT.precision}</legend>
      <label>
        <input
          type="radio"
          name="dtype"
          checked={dtype === null}
          data-testid="dtype-source"
          onChange={() => void actions.setDtype(null)}
        />{' '}
        {precisionOfOriginal(summary.dtype)}
      </label>
      <br />
      <label>
        <input
          type="radio"
          name="dtype"
          checked={dtype === 'fp16'}
          disabled={obstacle !== null}
          data-testid="dtype-fp16"
          onChange={() => void actions.setDtype('fp16')}
        />{' '}
        float16 <span className={kit.note}>{obstacle ?? EXPORT.half}</span>
      </label>
      <p className={kit.note} data-testid="export-size" aria-live="polite">
        {size ? `Graph and weights: ${formatBytes(size.bytes)}.` : 'Graph and weights: …'}
      </p>
    </fieldset>
  );
}
