// The precision that an export is written in: each with what stands against it, how weights become
// few bits there, and the size of graph and weights.

import { EXPORT_DTYPES, type ExportDtype, isQuantisedDtype } from '../../model/export/steps.ts';
import { graphDtype, sourceFormat } from '../../model/open/made.ts';
import type { QuantisedDtype } from '../../model/quantise/quantisation.ts';
import { formatBytes } from '../../quantities.ts';
import {
  dtypeObstacle,
  exportFormat,
  exportSize,
  isBeside,
  precisionObstacle,
  sizeIn,
  writtenAs,
} from '../../state/export/selectors.ts';
import { wordsOf } from '../../state/quantise/selectors.ts';
import {
  EXPORT,
  FEW_BITS,
  PRECISIONS,
  precisionOfMade,
  precisionOfOriginal,
} from '../../words/dialogs/export.ts';
import { formatPpl } from '../format.ts';
import kit from '../kit/kit.module.css';
import { useActions, useStudio } from '../studioContext.ts';
import css from './export.module.css';

const ORDER = Object.keys(EXPORT_DTYPES) as ExportDtype[];

/** As the original, or another precision, with the size of the files that each writes. */
export function PrecisionChoice() {
  const summary = useStudio((state) => state.model.current)!.summary;
  const isOnnx = useStudio((state) => exportFormat(state) === 'onnx');
  const dtype = useStudio((state) => state.export.dtype);
  const size = useStudio(exportSize);
  const actions = useActions();
  const source = graphDtype(summary);
  const bytes = size && formatBytes(size.bytes);
  // Tensor files keep the precision that they have.
  if (!isOnnx)
    return (
      <p className={kit.note} data-testid="export-size" aria-live="polite">
        {EXPORT.weights(bytes)}
      </p>
    );
  const isMade = sourceFormat(summary) !== null;
  const first = isMade ? precisionOfMade(source) : precisionOfOriginal(source);
  return (
    <fieldset className={kit.field}>
      <legend>{EXPORT.precision}</legend>
      <div className={css.precisions}>
        <label>
          <input
            type="radio"
            name="dtype"
            checked={dtype === null}
            data-testid="dtype-source"
            onChange={() => {
              // It is still ONNX.
              if (isMade) void actions.setFormat('onnx');
              void actions.setDtype(null);
            }}
          />{' '}
          {first}
        </label>
        {ORDER.map((one) => (
          <Precision key={one} dtype={one} />
        ))}
      </div>
      <p className={kit.note} data-testid="export-size" aria-live="polite">
        {EXPORT.size(bytes)}
      </p>
      <Also first={first} />
    </fieldset>
  );
}

const ALL: readonly (ExportDtype | null)[] = [null, ...ORDER];

/** Further precisions of the same plan in the same folder: those that can be written now. */
function Also({ first }: { first: string }) {
  const main = useStudio((state) => state.export.dtype);
  // As words: a new list each time would render for ever.
  const offered = useStudio((state) =>
    ALL.filter(
      (one) =>
        one !== main &&
        dtypeObstacle(state, one) === null &&
        isBeside(state.model.current!.summary, main, one),
    )
      .map((one) => one ?? SOURCE)
      .join(),
  );
  const others = ALL.filter((one) => offered.split(',').includes(one ?? SOURCE));
  const isApart = useStudio((state) =>
    ALL.some((one) => !isBeside(state.model.current!.summary, main, one)),
  );
  if (others.length === 0) return null;
  return (
    <fieldset className={css.also}>
      <legend>{EXPORT.also}</legend>
      {others.map((one) => (
        <Further
          key={one ?? SOURCE}
          dtype={one}
          name={one === null ? first : PRECISIONS[one].name}
        />
      ))}
      {isApart && <p className={kit.note}>{EXPORT.apart}</p>}
    </fieldset>
  );
}

const SOURCE = 'source';

function Further({ dtype, name }: { dtype: ExportDtype | null; name: string }) {
  const on = useStudio((state) => state.export.also.includes(dtype));
  const bytes = useStudio((state) => (on ? (sizeIn(state, dtype)?.bytes ?? null) : null));
  const actions = useActions();
  return (
    <label>
      <input
        type="checkbox"
        checked={on}
        data-testid={`also-${dtype ?? SOURCE}`}
        onChange={() => void actions.setAlso(dtype, !on)}
      />{' '}
      {name} {bytes !== null && <span className={kit.note}>{formatBytes(bytes)}</span>}
    </label>
  );
}

function Precision({ dtype }: { dtype: ExportDtype }) {
  const chosen = useStudio((state) => state.export.dtype === dtype);
  const isMade = useStudio(
    (state) => !isQuantisedDtype(dtype) || writtenAs(state, dtype).by !== 'nothing',
  );
  const actions = useActions();
  const obstacle = useStudio((state) => precisionObstacle(state, dtype));
  const note = `dtype-${dtype}-note`;
  return (
    <div>
      <label>
        <input
          type="radio"
          name="dtype"
          checked={chosen}
          disabled={obstacle !== null || !isMade}
          aria-describedby={note}
          data-testid={`dtype-${dtype}`}
          onChange={() => void actions.setDtype(dtype)}
        />{' '}
        {PRECISIONS[dtype].name}
      </label>{' '}
      <span id={note} className={kit.note} data-testid={note}>
        {obstacle ?? PRECISIONS[dtype].note}{' '}
        {obstacle === null && isQuantisedDtype(dtype) && <HowWritten dtype={dtype} />}
      </span>
    </div>
  );
}

/** By what the weights become few bits, and what that costs; or what has to be done first. */
function HowWritten({ dtype }: { dtype: QuantisedDtype }) {
  // The parts of it: a new object each time would render for ever.
  const by = useStudio((state) => writtenAs(state, dtype).by);
  const words = useStudio((state) => {
    const written = writtenAs(state, dtype);
    if (written.by === 'nothing') return written.why;
    if (written.by === 'settings') {
      const { settings, forms } = written;
      return FEW_BITS.unmeasured(wordsOf({ dtype, quantisation: { settings, forms } }));
    }
    const { quantisation, bytes } = written.result;
    const { measured } = quantisation.record;
    const one = measured.find(({ set }) => set === 'held-out') ?? measured[0];
    return FEW_BITS.measured(
      wordsOf(written.result),
      one
        ? {
            ppl: formatPpl(one.quantised.nll),
            text: one.name,
            as: written.result.dtype === dtype ? null : written.result.dtype,
          }
        : null,
      written.result.dtype === dtype ? formatBytes(bytes) : null,
    );
  });
  const actions = useActions();
  return (
    <>
      {words}{' '}
      {by !== 'result' && (
        <button
          type="button"
          className={kit.asLink}
          data-testid={`quantise-first-${dtype}`}
          onClick={() => {
            actions.setQuantiseDtype(dtype);
            actions.openDialog(null);
            actions.openWorkspace('quantise');
          }}
        >
          {by === 'nothing' ? FEW_BITS.first : FEW_BITS.measure}
        </button>
      )}
    </>
  );
}
