// The format that a model of tensor files is written in: its own, or ONNX.

import { sourceFormat } from '../../model/open/made.ts';
import { exportFormat, sourceFormatObstacle } from '../../state/export/selectors.ts';
import { FORMAT, formatOfOriginal } from '../../words/dialogs/export.ts';
import kit from '../kit/kit.module.css';
import { Term } from '../kit/Term.tsx';
import { useActions, useStudio } from '../studioContext.ts';

/** Nothing for a model that is ONNX already. */
export function FormatChoice() {
  const summary = useStudio((state) => state.model.current!.summary);
  const format = useStudio(exportFormat);
  const obstacle = useStudio(sourceFormatObstacle);
  const actions = useActions();
  const source = sourceFormat(summary);
  if (source === null) return null;
  return (
    <fieldset className={kit.field} data-testid="export-format">
      <legend>
        <Term id="format">{FORMAT.legend}</Term>
      </legend>
      <div>
        <label>
          <input
            type="radio"
            name="format"
            checked={format !== 'onnx'}
            disabled={obstacle !== null}
            aria-describedby="format-source-note"
            data-testid="format-source"
            onChange={() => void actions.setFormat('source')}
          />{' '}
          {formatOfOriginal(source, summary.dtype)}
        </label>{' '}
        <span id="format-source-note" className={kit.note} data-testid="format-source-note">
          {obstacle ?? FORMAT.notes[source]}
        </span>
      </div>
      <div>
        <label>
          <input
            type="radio"
            name="format"
            checked={format === 'onnx'}
            aria-describedby="format-onnx-note"
            data-testid="format-onnx"
            onChange={() => void actions.setFormat('onnx')}
          />{' '}
          {FORMAT.onnx}
        </label>{' '}
        <span id="format-onnx-note" className={kit.note}>
          {FORMAT.notes.onnx}
        </span>
      </div>
    </fieldset>
  );
}
