// The verdict on an export, what was checked, and what to do with it.

import type { ExportResult } from '../../contract/export.ts';
import { listed, plural } from '../../quantities.ts';
import { deviceName } from '../../state/device/selectors.ts';
import {
  checkedOn,
  checkName,
  EXPORT,
  notCopied,
  VERDICTS,
  written,
} from '../../words/dialogs/export.ts';
import { formatSeconds } from '../format.ts';
import kit from '../kit/kit.module.css';
import { saveBlob } from '../saveBlob.ts';
import { useActions } from '../studioContext.ts';
import css from './export.module.css';
import { NextStep } from './NextStep.tsx';

export function ExportDone({ result }: { result: ExportResult }) {
  const actions = useActions();
  const { verification, blob } = result;
  const { device, seconds, status } = verification;
  const verified = status === 'verified' || status === 'in-parts';
  return (
    <div className={kit.stack}>
      <p data-testid="verdict" data-status={status} className={verified ? kit.good : kit.bad}>
        {VERDICTS[status]}
      </p>
      <p>
        {result.name}:{' '}
        {written(plural(result.files.length, 'file'), result.bytes, formatSeconds(result.seconds))}.
        {device && ` ${checkedOn(deviceName(device), formatSeconds(seconds))}`}
      </p>
      <div className={kit.row}>
        {blob && (
          <button
            type="button"
            data-primary={verified}
            data-testid="save-zip"
            onClick={() => saveBlob(blob, `${result.name}.zip`)}
          >
            Save {result.name}.zip{verified ? '' : ' anyway'}
          </button>
        )}
      </div>
      <details open={!verified}>
        <summary>{checksDone(result)}</summary>
        <Checks result={result} />
      </details>
      {result.remarks.map((remark) => (
        <p key={remark} className={kit.note}>
          {remark}
        </p>
      ))}
      {result.leftOut.length > 0 && <p className={kit.note}>{notCopied(listed(result.leftOut))}</p>}
      {status !== 'failed' && <NextStep result={result} isZip={blob !== null} />}
      <div className={kit.row}>
        <button type="button" data-testid="export-again" onClick={actions.forgetExport}>
          {EXPORT.again}
        </button>
        <button type="button" data-primary={!blob} onClick={() => actions.openDialog(null)}>
          {EXPORT.done}
        </button>
      </div>
    </div>
  );
}

function checksDone({ verification: { checks } }: ExportResult): string {
  const passed = checks.filter(({ ok }) => ok).length;
  return `${passed} of ${plural(checks.length, 'check')} passed`;
}

function Checks({ result: { verification } }: { result: ExportResult }) {
  const notOk = verification.status === 'failed' ? '✕' : 'not run:';
  return (
    <ul className={css.checks} data-testid="verify-checks">
      {verification.checks.map((check) => (
        <li key={check.name}>
          <span className={check.ok ? kit.good : kit.bad}>{check.ok ? '✓' : notOk}</span>{' '}
          {checkName(check.name)}
          <div className={kit.note}>{check.detail}</div>
        </li>
      ))}
    </ul>
  );
}
