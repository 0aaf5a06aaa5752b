// The device and its self-test: what was checked, how large the errors are, which routes follow.

import type { DeviceChoice, DeviceReport } from '../../contract/device.ts';
import type { ScoreSettings } from '../../contract/score.ts';
import { formatBytes } from '../../quantities.ts';
import { DEVICE, DEVICE_NAMES, FASTER_DEVICE, threadWords } from '../../words/dialogs/device.ts';
import { Dialog } from '../kit/Dialog.tsx';
import kit from '../kit/kit.module.css';
import css from '../kit/plainTable.module.css';
import { useActions, useStudio } from '../studioContext.ts';

/** Features that change what runs where; an adapter has dozens of others. */
const RELEVANT = new Set([
  'shader-f16',
  'timestamp-query',
  'subgroups',
  'chromium-experimental-subgroup-matrix',
]);

export default function DeviceDialog() {
  const report = useStudio((state) => state.device.report);
  const choice = useStudio((state) => state.device.choice);
  const asked = useStudio((state) => state.score.settings.device);
  const offersThreads = useStudio((state) => state.site.threadsAfterReload);
  const actions = useActions();
  if (!report) return null;
  const { selfTest, threads } = report;
  const isOpen = asked === 'auto' && report.webgpu && !choice;
  const kind = asked === 'auto' ? (choice?.kind ?? (isOpen ? null : report.preferred)) : asked;
  const why = whyDevice(report, asked, choice);
  const wrong = selfTest?.passed ? DEVICE.avoided : DEVICE.wrong;
  return (
    <Dialog title={DEVICE.title} onClose={() => actions.openDialog(null)} testId="device-dialog">
      <dl className={kit.facts}>
        <dt>{DEVICE.runsOn}</dt>
        <dd>{kind ? DEVICE_NAMES[kind] : FASTER_DEVICE}</dd>
        {why && (
          <>
            <dt>{DEVICE.thisModel}</dt>
            <dd data-testid="device-why">{why}</dd>
          </>
        )}
        <dt>{DEVICE.adapter}</dt>
        <dd>{report.adapter || DEVICE.noAdapter}</dd>
        {report.reason && (
          <>
            <dt>{DEVICE.why}</dt>
            <dd>{report.reason}</dd>
          </>
        )}
        {report.maxBufferBytes > 0 && (
          <>
            <dt>{DEVICE.largest}</dt>
            <dd>{formatBytes(report.maxBufferBytes)}</dd>
          </>
        )}
        <dt>{DEVICE.features}</dt>
        <dd>{report.features.filter((name) => RELEVANT.has(name)).join(', ') || DEVICE.none}</dd>
        {threads && (
          <>
            <dt>{DEVICE.threads}</dt>
            <dd data-testid="thread-measurement">{threadWords(threads.threads, threads.runs)}</dd>
          </>
        )}
        {selfTest && (
          <>
            <dt>{DEVICE.selfTest}</dt>
            <dd>
              <span className={selfTest.passed ? kit.good : kit.bad}>
                {selfTest.passed ? DEVICE.passed : DEVICE.failed}
              </span>{' '}
              {DEVICE.within(selfTest.seconds.toFixed(1))}
            </dd>
            <dt>{DEVICE.routes}</dt>
            <dd>{selfTest.routes.join('; ') || DEVICE.noRoutes}</dd>
          </>
        )}
      </dl>
      {offersThreads && (
        <p data-testid="reload-for-threads">
          {DEVICE.reloadForThreads(navigator.hardwareConcurrency)}{' '}
          <button type="button" onClick={actions.reloadPage}>
            {DEVICE.reload}
          </button>
        </p>
      )}
      {selfTest && (
        <table className={`${css.table} ${css.wordy}`} data-testid="self-test">
          <thead>
            <tr>
              <th scope="col" style={{ textAlign: 'left', whiteSpace: 'normal' }}>
                {DEVICE.check}
              </th>
              <th scope="col">{DEVICE.error}</th>
              <th scope="col">{DEVICE.result}</th>
            </tr>
          </thead>
          <tbody>
            {selfTest.checks.map((check) => (
              <tr key={check.name}>
                <th scope="row" style={{ whiteSpace: 'normal' }}>
                  {check.name}
                  {check.note && <div className={kit.note}>{check.note}</div>}
                </th>
                <td>{check.maxError === null ? DEVICE.notRun : check.maxError.toExponential(1)}</td>
                <td className={check.ok ? kit.good : kit.bad}>
                  {check.ok ? DEVICE.correct : wrong}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Dialog>
  );
}

/** Why the open model runs where it does; null where there is nothing to choose. */
function whyDevice(
  { webgpu }: DeviceReport,
  asked: ScoreSettings['device'],
  choice: DeviceChoice | null,
): string | null {
  if (!webgpu) return null;
  if (asked !== 'auto') return DEVICE.bySettings(DEVICE_NAMES[asked]);
  return choice?.reason ?? DEVICE.notYet;
}
