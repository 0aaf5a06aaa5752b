// The device and its self-test: what was checked, how large the errors are, which routes follow.

import { formatBytes } from '../../quantities.ts';
import { Dialog } from '../kit/Dialog.tsx';
import kit from '../kit/kit.module.css';
import css from '../kit/plainTable.module.css';
import { useActions, useStudio } from '../studioContext.ts';
import { DEVICE_NAMES } from './deviceNames.ts';

/** Features that change what runs where; an adapter has dozens of others. */
const RELEVANT = new Set([
  'shader-f16',
  'timestamp-query',
  'subgroups',
  'chromium-experimental-subgroup-matrix',
]);

export default function DeviceDialog() {
  const report = useStudio((state) => state.device.report);
  const actions = useActions();
  if (!report) return null;
  const { selfTest } = report;
  const wrong = selfTest?.passed ? 'wrong, avoided' : 'wrong';
  return (
    <Dialog title="Device" onClose={() => actions.openDialog(null)} testId="device-dialog">
      <dl className={kit.facts}>
        <dt>runs on</dt>
        <dd>{DEVICE_NAMES[report.preferred]}</dd>
        <dt>adapter</dt>
        <dd>{report.adapter || 'none found'}</dd>
        {report.reason && (
          <>
            <dt>why not WebGPU</dt>
            <dd>{report.reason}</dd>
          </>
        )}
        {report.maxBufferBytes > 0 && (
          <>
            <dt>largest buffer</dt>
            <dd>{formatBytes(report.maxBufferBytes)}</dd>
          </>
        )}
        <dt>features</dt>
        <dd>{report.features.filter((name) => RELEVANT.has(name)).join(', ') || 'none'}</dd>
        {selfTest && (
          <>
            <dt>self-test</dt>
            <dd>
              <span className={selfTest.passed ? kit.good : kit.bad}>
                {selfTest.passed ? 'passed' : 'failed'}
              </span>{' '}
              in {selfTest.seconds.toFixed(1)} s
            </dd>
            <dt>routes</dt>
            <dd>{selfTest.routes.join('; ') || 'none needed'}</dd>
          </>
        )}
      </dl>
      {selfTest && (
        <table className={css.table} data-testid="self-test">
          <thead>
            <tr>
              <th scope="col" style={{ textAlign: 'left' }}>
                check against the CPU (wasm)
              </th>
              <th scope="col">largest error</th>
              <th scope="col">result</th>
            </tr>
          </thead>
          <tbody>
            {selfTest.checks.map((check) => (
              <tr key={check.name}>
                <th scope="row" style={{ whiteSpace: 'normal' }}>
                  {check.name}
                  {check.note && <div className={kit.note}>{check.note}</div>}
                </th>
                <td>{check.maxError === null ? 'not run' : check.maxError.toExponential(1)}</td>
                <td className={check.ok ? kit.good : kit.bad}>{check.ok ? 'correct' : wrong}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Dialog>
  );
}
